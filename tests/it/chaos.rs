//! Twenty renders with a random fault each, as the bench `chaos` makes by the thousand.

#[path = "../../benches/chaos/fault.rs"]
pub(crate) mod fault;
#[path = "../../benches/chaos/film.rs"]
mod film;
#[path = "../../benches/chaos/processes.rs"]
mod processes;
#[expect(dead_code, reason = "the bench makes a table of the rest")]
#[path = "../../benches/chaos/storm.rs"]
mod storm;

use std::path::Path;
use std::time::Duration;

use fault::Dice;
use storm::Storm;

/// `cargo bench --bench chaos -- --runs 20 --seed 19` does the same, as far as moments can be had
/// again.
const SEED: u64 = 19;

#[test]
fn no_fault_leaves_a_wrong_file_or_anything_behind() {
    // The machine may be busy.
    let patience = Duration::from_secs(30);
    let storm = Storm::new(Path::new(env!("CARGO_BIN_EXE_pagereel")), patience).unwrap();
    for (run, &fault) in storm.faults().iter().cycle().take(20).enumerate() {
        let mut dice = Dice::new(SEED + run as u64);
        let trial = storm.trial(fault, &mut dice).unwrap();
        assert!(trial.objections.is_empty(), "run {run}: {trial:?}");
    }
}
