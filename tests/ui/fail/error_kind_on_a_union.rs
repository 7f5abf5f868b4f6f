use monitored::ErrorKind;

#[derive(ErrorKind)]
union Failure {
    a: u8,
}

fn main() {
    let _: Option<Failure> = None;
}
