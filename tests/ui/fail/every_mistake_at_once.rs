use monitored::monitored;

#[monitored(nme = "work", service = 3, tags(le = "1", region), skip)]
fn work() {}

fn main() {
    work();
}
