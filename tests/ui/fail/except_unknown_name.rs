use monitored::monitored;

#[monitored(except(inner, prase, Strore))]
mod outer {
    pub struct Store;
    pub fn parse() {}
    pub mod inner {}
    impl Store {
        pub fn load() {}
    }
}

fn main() {
    outer::parse(); outer::Store::load();
}
