use monitored::monitored;

#[monitored(private(true))]
mod inner {
    pub fn work() {}
}

fn main() {
    inner::work();
}
