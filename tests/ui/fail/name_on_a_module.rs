use monitored::monitored;

#[monitored(name = "outer")]
mod outer {
    pub fn work() {}
}

fn main() {
    outer::work();
}
