use monitored::monitored;

#[monitored(time = bussy)]
fn work() {}

fn main() {
    work();
}
