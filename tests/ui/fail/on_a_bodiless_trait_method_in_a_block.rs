use monitored::monitored;

#[monitored]
trait Stage {
    #[monitored(name = "stage")]
    fn stage(&self);
}

fn main() {}
