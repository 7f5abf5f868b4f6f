use monitored::monitored;

trait Stage {
    #[monitored]
    fn stage(&self);
}

struct Struct;

impl Stage for Struct {
    fn stage(&self) {}
}

fn main() {
    Struct.stage();
}
