use monitored::monitored;

#[monitored(tags(kind = request.kind))]
fn work() {}

fn main() {
    work();
}
