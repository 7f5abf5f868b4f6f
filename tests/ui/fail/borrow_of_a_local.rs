use monitored::monitored;

#[monitored]
pub fn dangling<'a>() -> Result<&'a str, String> {
    let text = String::new();
    Ok(&text)
}

fn main() {
}
