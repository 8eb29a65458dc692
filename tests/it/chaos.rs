//! Some renders with a random fault each, as the bench `chaos` makes by the hundred.

#[expect(dead_code, reason = "the bench makes a table of the rest")]
#[path = "../../benches/chaos/storm.rs"]
mod storm;

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use storm::{Dice, FAULTS, Storm, is_possible};

/// One seed a day, so that a failure can be had again, and not only one storm is ever seen.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() / 86_400
}

#[test]
fn no_fault_leaves_a_wrong_file_or_anything_behind() {
    let seed = seed();
    println!("cargo bench --bench chaos -- --seed {seed}");
    let storm = Storm::new(Path::new(env!("CARGO_BIN_EXE_pagereel"))).unwrap();
    let mut dice = Dice::new(seed);
    let possible: Vec<_> = FAULTS.into_iter().filter(|&fault| is_possible(fault)).collect();
    for fault in possible.iter().cycle().take(12) {
        let trial = storm.trial(*fault, &mut dice).unwrap();
        let objections = &trial.objections;
        assert!(objections.is_empty(), "seed {seed}, {}: {objections:?}", trial.done);
    }
}
