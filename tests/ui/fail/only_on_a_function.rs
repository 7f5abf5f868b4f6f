use monitored::monitored;

#[monitored(only(work), private)]
fn work() {}

fn main() {
    work();
}
