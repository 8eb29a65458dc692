//! Readers of strangers' bytes with seeds and changed seeds, as the bench `fuzz` tries for longer.

#[path = "../../benches/fuzz/mutate.rs"]
mod mutate;

use mutate::{Corpus, fault_of};
use pagereel::fuzzing::DOORS;

#[test]
fn no_reader_panics() {
    for (name, door) in DOORS {
        let mut corpus = Corpus::of(name, 19).unwrap();
        for seed in corpus.seeds() {
            assert_eq!(fault_of(door, seed), None, "{name}: {:?}", String::from_utf8_lossy(seed));
        }
        for _ in 0..1000 {
            let input = corpus.next_input();
            let fault = fault_of(door, &input);
            assert_eq!(fault, None, "{name}: {:?}", String::from_utf8_lossy(&input));
        }
    }
}

#[test]
fn each_target_has_its_program() {
    let fuzz = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, _) in DOORS {
        assert!(fuzz.join(format!("fuzz_targets/{name}.rs")).is_file(), "{name}");
        assert!(manifest.contains(&format!("fuzz_targets/{name}.rs")), "{name}");
    }
}
