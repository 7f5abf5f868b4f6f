use monitored::monitored;

#[monitored(tags(name = self.name))]
fn work() {}

fn main() {
    work();
}
