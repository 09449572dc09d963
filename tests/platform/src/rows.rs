//! Generated rows: only integers and exactly rounded arithmetic, so that every platform has the same input
//! before any code of hither runs.

use alloc::vec::Vec;

/// The distribution of rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// Around a few centres, unevenly: graphs get hubs, inverted lists differ in length.
    Clusters,
    /// Four values of ±½, all others 0: of length 1 exactly, with many equal distances, so that the order of
    /// ties matters.
    UnitLength,
    /// Three of four are one of a dozen rows, so that a graph has groups of equal rows; a few differ slightly.
    Copies,
}

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From −1 to 1: 24 bits, which f32 holds exactly.
    fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u32 << 23) as f32 - 1.0
    }
}

const CENTRES: u64 = 14;

pub fn vector(cloud: Cloud, dimensions: usize, random: &mut Random) -> Vec<f32> {
    match cloud {
        Cloud::Clusters => {
            // The lesser of two numbers, so that low centres are drawn more often.
            let centre = random.below(CENTRES).min(random.below(CENTRES));
            let mut centre = Random::new(centre.wrapping_mul(0x1234_5678_9abc_def1));
            let spread = [0.25, 0.5][random.below(2) as usize];
            (0..dimensions).map(|_| centre.value() + spread * random.value()).collect()
        }
        Cloud::Copies => {
            let mut vector = match random.below(4) {
                0 => vector(Cloud::Clusters, dimensions, random),
                _ => {
                    let mut copied =
                        Random::new(random.below(12).wrapping_mul(0x1234_5678_9abc_def1));
                    (0..dimensions).map(|_| copied.value()).collect()
                }
            };
            if random.below(8) == 0 {
                vector[random.below(dimensions as u64) as usize] += 1.0 / 1024.0;
            }
            vector
        }
        Cloud::UnitLength => {
            let mut vector = alloc::vec![0.0; dimensions];
            let mut left = 4;
            while left > 0 {
                let at = random.below(dimensions as u64) as usize;
                if vector[at] == 0.0 {
                    vector[at] = if random.below(2) == 0 { 0.5 } else { -0.5 };
                    left -= 1;
                }
            }
            vector
        }
    }
}
