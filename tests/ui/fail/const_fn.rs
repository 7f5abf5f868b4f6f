use monitored::monitored;

#[monitored]
pub const fn work() {}

fn main() {
    work();
}
