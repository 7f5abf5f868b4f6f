use monitored::monitored;

#[monitored]
fn opaque() -> impl Iterator<Item = u8> {
    1
}

fn main() {
    let _ = opaque();
}
