//! Says to which situations the inputs of the fuzz target `step` in these folders come, and to which
//! they never do: `cargo run --release -p pi-server-model --example sometimes -- DIR...`.

use std::path::Path;

use pi_server_model::sometimes::Sometimes;
use pi_server_model::targets;

fn main() -> std::io::Result<()> {
    let (mut sometimes, mut files) = (Sometimes::new(), 0_u64);
    for folder in std::env::args().skip(1) {
        for file in std::fs::read_dir(Path::new(&folder))? {
            targets::step_noting(&std::fs::read(file?.path())?, &mut sometimes);
            files += 1;
        }
    }
    print!("{sometimes}");
    let never = sometimes.never();
    println!("{files} inputs of step, {} situations never met: {}", never.len(), never.join(", "));
    Ok(())
}
