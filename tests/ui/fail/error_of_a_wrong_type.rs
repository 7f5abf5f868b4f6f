use monitored::monitored;

#[monitored(error = |error| error.len())]
fn work() -> Result<(), String> {
    Ok(())
}

fn main() {
    let _ = work();
}
