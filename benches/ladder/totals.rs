//! Sums over all scenes.

use std::collections::HashMap;

use crate::judge::Measure;
use crate::{Rung, word};

/// Sums over the scenes, by rung and settings in the order of their first row.
#[derive(Default)]
pub(crate) struct Totals {
    order: Vec<(String, String)>,
    sums: HashMap<(String, String), Sum>,
}

#[derive(Default)]
struct Sum {
    cpu_ms: f64,
    bytes: u64,
    ssimulacra2: f64,
    /// In dB: the mean of the planes' PSNR weighted 6:1:1.
    psnr: f64,
    broken: Vec<String>,
}

impl Totals {
    pub(crate) fn add(
        &mut self,
        rung: &Rung,
        who: &str,
        scene: &str,
        found: Measure,
        broken: &[String],
    ) {
        let key = (format!("{} {}", word(rung.codec), word(rung.quality)), who.to_owned());
        if !self.sums.contains_key(&key) {
            self.order.push(key.clone());
        }
        let sum = self.sums.entry(key).or_default();
        sum.cpu_ms += found.cpu_ms;
        sum.bytes += found.bytes;
        sum.ssimulacra2 += found.ssimulacra2;
        let [y, u, v] = found.psnr;
        sum.psnr += (6.0 * y + u + v) / 8.0;
        if !broken.is_empty() {
            sum.broken.push(format!("{scene}: {}", broken.join(", ")));
        }
    }

    pub(crate) fn print(&mut self, scenes: usize) {
        // Stable: within a rung the rows stay as they came.
        self.order.sort_by(|a, b| a.0.cmp(&b.0));
        println!(
            "\n| rung | settings | mean CPU ms/frame | bytes, all scenes | mean PSNR 6:1:1 | \
             mean SSIMULACRA2 | does not hold |\n|---|---|--:|--:|--:|--:|---|"
        );
        let scenes = scenes as f64;
        for key in &self.order {
            let sum = &self.sums[key];
            println!(
                "| {} | {} | {:.1} | {} | {:.2} | {:.2} | {} |",
                key.0,
                key.1,
                sum.cpu_ms / scenes,
                sum.bytes,
                sum.psnr / scenes,
                sum.ssimulacra2 / scenes,
                sum.broken.join("; ")
            );
        }
    }
}
