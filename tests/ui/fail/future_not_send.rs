use std::rc::Rc;

use monitored::monitored;

#[monitored]
async fn held() -> usize {
    let count = Rc::new(());
    std::future::ready(()).await;
    Rc::strong_count(&count)
}

fn is_send<T: Send>(_: T) {}

fn main() {
    is_send(held());
}
