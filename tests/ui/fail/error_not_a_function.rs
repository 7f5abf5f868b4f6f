use monitored::monitored;

#[monitored(error = "label")]
fn a() -> Result<(), ()> {
    Ok(())
}

#[monitored(error)]
fn b() -> Result<(), ()> {
    Ok(())
}

#[monitored(error(label))]
fn c() -> Result<(), ()> {
    Ok(())
}

#[monitored(ok_if = true)]
fn d() -> bool {
    true
}

fn main() {
    let _ = (a(), b(), c(), d());
}
