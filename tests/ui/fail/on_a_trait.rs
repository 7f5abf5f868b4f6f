use monitored::monitored;

#[monitored]
trait Stage {
    fn stage(&self) {}
}

struct Struct;

impl Stage for Struct {}

fn main() {
    Struct.stage();
}
