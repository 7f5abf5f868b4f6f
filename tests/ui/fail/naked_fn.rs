use monitored::monitored;

#[monitored]
#[unsafe(naked)]
extern "C" fn work() {
    std::arch::naked_asm!("ret")
}

fn main() {
    work();
}
