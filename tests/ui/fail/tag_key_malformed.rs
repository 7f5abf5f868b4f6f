use monitored::monitored;

#[monitored(tags(größe = "1", kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk = "2"))]
fn work() {}

fn main() {
    work();
}
