//! Ranks between rows in codes.

use super::view::{CodeMeaning, CodesView};
use crate::distance::{self, Format, Measure, QueryCodes, Table, coming, measure_pair};
use crate::error::{Result, corrupt};
use crate::metric::{Metric, cosine_distance};
use alloc::vec;
use alloc::vec::Vec;

/// Ranks between rows in 8-bit codes, for building: both sides are exact integers.
pub(crate) struct CodePairs<'a> {
    view: CodesView<'a>,
    /// Centre·codes (not under L2) and the factor of each row, next to each other in memory.
    terms: Vec<[f32; 2]>,
    centre_square: f32,
}

impl<'a> CodePairs<'a> {
    /// `view` has new codes, which have a factor for each row even under inner product: zero.
    pub fn new(view: CodesView<'a>, rows: u32) -> Result<Self> {
        let CodeMeaning { centre, scale, .. } = view.meaning;
        let mut linear = vec![0.0; rows as usize];
        if view.metric != Metric::L2 {
            let format = Format::Sq8 { centre: &vec![0.0; centre.len()], scale };
            let table = Table { records: view.records, dimensions: centre.len(), format };
            let list: Vec<u32> = (0..rows).collect();
            distance::measure(Measure::Dot, centre, &table, &list, &mut linear)?;
        }
        let mut terms = Vec::with_capacity(linear.len());
        for (row, linear) in (0..).zip(linear) {
            terms.push([linear, view.factors.get(row)?]);
        }
        let centre_square = measure_pair(Measure::Dot, centre, centre);
        Ok(Self { view, terms, centre_square })
    }

    pub fn metric(&self) -> Metric {
        self.view.metric
    }

    /// Ranks of the listed rows as seen from row `from`. `products` is scratch.
    pub fn ranks(
        &self,
        from: u32,
        list: &[u32],
        out: &mut [f32],
        products: &mut Vec<i32>,
    ) -> Result<()> {
        let view = &self.view;
        let CodeMeaning { centre, scale, .. } = view.meaning;
        let codes: &[i8] = bytemuck::cast_slice(&view.records.get(from)?[..centre.len()]);
        for &row in coming(list, out.len()) {
            if let Some(term) = self.terms.get(row as usize) {
                distance::prefetch(bytemuck::bytes_of(term));
            }
        }
        products.resize(out.len(), 0);
        distance::dot_codes(QueryCodes::Eight(codes), view.records, list, products)?;
        let square = scale * scale;
        let [from_linear, from_factor] = self.terms[from as usize];
        for ((&row, &mut product), out) in list.iter().zip(products).zip(out) {
            let product = square * product as f32;
            let [linear, factor] = self.terms[row as usize];
            // Added in an order that treats both rows alike, so that ranks are symmetric.
            let similarity = self.centre_square + (from_linear + linear) + product;
            *out = match view.metric {
                Metric::L2 => from_factor + factor - 2.0 * product,
                Metric::InnerProduct => -similarity,
                Metric::Cosine => cosine_distance(similarity * (from_factor * factor)),
                Metric::L1 => return Err(corrupt("codes under l1")),
            };
        }
        Ok(())
    }
}
