use monitored::monitored;

#[monitored]
mod elsewhere;

fn main() {}
