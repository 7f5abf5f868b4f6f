use monitored::monitored;

#[monitored]
struct Struct;

#[monitored]
#[derive(Debug)]
enum Enum {
    A,
}

#[monitored]
pub union Union {
    a: u8,
}

fn main() {
    let _ = (Struct, Enum::A); let _: Option<Union> = None;
}
