use monitored::monitored;

#[monitored]
mod inner {
    pub fn work() {}
}

fn main() {
    inner::work();
}
