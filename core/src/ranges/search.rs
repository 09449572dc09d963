//! Ranks groups, lists and rows for a query.

use super::code::SignQuery;
use super::list::List;
use super::list_metric;
use super::view::{Group, Top};
use crate::error::Result;
use crate::magnitude::inverse_length;
use crate::metric::Metric;
use crate::neighbor::Candidate;
use crate::quantize::{CodedQuery, CodesView};
use crate::sort::sort;
use crate::vectors::Query;
use alloc::vec::Vec;

/// Groups are read until they have this many lists for each list that is wanted. Of 2,048 lists in 64 groups,
/// 20 lists take ten groups, which lose a hundredth of the recall that all groups would have.
const LISTS_A_PROBE: u32 = 16;

/// A query, prepared once for the lists of a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct RangeQuery {
    /// Has unit length under cosine.
    query: Query,
    coded: CodedQuery,
    signs: SignQuery,
    metric: Option<Metric>,
}

impl RangeQuery {
    /// Sets the query, whose values were checked.
    pub fn set(&mut self, values: &[f32], top: &Top) -> Result<()> {
        let metric = top.metric();
        let length = if metric == Metric::Cosine { inverse_length(values) } else { 1.0 };
        let unit: Vec<f32> = values.iter().map(|value| value * length).collect();
        self.query.set(&unit, values.len(), list_metric(metric))?;
        self.coded.set(&self.query, &top.centroids()?);
        self.signs.set(unit.iter().copied());
        self.metric = Some(metric);
        Ok(())
    }

    fn rank(&mut self, view: &CodesView<'_>, count: u32, out: &mut Vec<f32>) -> Result<()> {
        let all: Vec<u32> = (0..count).collect();
        out.clear();
        out.resize(all.len(), 0.0);
        view.ranks(&mut self.coded, &all, out)
    }

    /// The groups whose lists are ranked when `probes` lists are wanted, nearest first.
    pub fn near_groups(&mut self, top: &Top, probes: u32) -> Result<Vec<u32>> {
        let mut ranks = Vec::new();
        self.rank(&top.centroids()?, top.groups(), &mut ranks)?;
        let ranked = (0..).zip(&ranks).map(|(group, &rank)| Candidate::new(rank, group));
        let mut near: Vec<Candidate> = ranked.collect();
        sort(&mut near);
        let (mut lists, mut groups) = (0, Vec::new());
        for group in near {
            if lists >= probes.saturating_mul(LISTS_A_PROBE) {
                break;
            }
            let (entry, next) = top.group(group.id())?;
            lists += next.first_list - entry.first_list;
            groups.push(group.id());
        }
        Ok(groups)
    }

    /// The ranks of the lists of a group, in their order.
    pub fn rank_lists(&mut self, group: &Group<'_>, out: &mut Vec<f32>) -> Result<()> {
        self.rank(&group.centroids()?, group.lists().len() as u32, out)
    }

    /// The estimated ranks of the rows of a list, in the order of their places.
    pub fn rank_rows(
        &self,
        list: &List<'_>,
        centroid: &[f32],
        out: &mut Vec<f32>,
        biases: &mut Vec<f32>,
    ) {
        let metric = self.metric.unwrap_or(Metric::L2);
        list.ranks(&self.signs, (&self.query.values, centroid), metric, out, biases);
    }
}
