use monitored::monitored;

struct Request;

#[monitored(tags(request, part = (request, 1)))]
fn work(request: &Request) {
    let _ = request;
}

fn main() {
    work(&Request);
}
