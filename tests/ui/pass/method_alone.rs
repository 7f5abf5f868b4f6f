//! Methods that are annotated one by one.
#![deny(warnings)]
#![deny(clippy::pedantic)]

use monitored::monitored;

#[derive(Clone)]
struct Queue<T> {
    items: Vec<T>,
}

impl<T: Clone> Queue<T> {
    #[monitored]
    fn push(&mut self, item: T) -> Result<&mut T, T> {
        if self.items.len() > 2 {
            return Err(item);
        }
        self.items.push(item.clone());
        self.items.last_mut().ok_or(item)
    }

    #[monitored(name = "Queue::take")]
    async fn take(self) -> Self {
        self
    }

    #[monitored]
    fn itself(&self) -> Self {
        self.clone()
    }
}

impl<T> Iterator for Queue<T> {
    type Item = T;

    #[monitored]
    fn next(&mut self) -> Option<Self::Item> {
        self.items.pop()
    }
}

fn main() {
    let mut queue = Queue { items: vec![1] };
    assert_eq!(queue.push(2), Ok(&mut 2));
    drop(queue.itself().take());
    assert_eq!(queue.next(), Some(2));
}
