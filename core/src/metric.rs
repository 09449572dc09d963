//! Metrics: which kernel ranks rows, and the distance that callers see.

use crate::distance::Measure;
pub(crate) use crate::distance::sqrt;
use crate::names::named;

/// What "near" means. Distances equal pgvector's operators: smaller is nearer.
///
/// ```
/// use hither::Metric;
///
/// assert_eq!("cosine".parse::<Metric>()?, Metric::Cosine);
/// assert_eq!(Metric::Cosine.to_string(), "cosine");
/// assert_eq!(Metric::Cosine.operator(), "<=>");
/// assert_eq!(Metric::ALL.len(), 4);
/// # Ok::<(), hither::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Metric {
    /// Euclidean distance, `<->`: √Σ(q − x)².
    L2 = 0,
    /// Cosine distance, `<=>`: 1 − q·x / (|q|·|x|), from 0 to 2.
    Cosine = 1,
    /// Negative inner product, `<#>`: −q·x.
    InnerProduct = 2,
    /// Taxicab distance, `<+>`: Σ|q − x|.
    L1 = 3,
}

named!(Metric, "metric": L2 = "l2", Cosine = "cosine", InnerProduct = "ip", L1 = "l1");

impl Metric {
    /// pgvector's operator for this distance.
    pub fn operator(self) -> &'static str {
        match self {
            Self::L2 => "<->",
            Self::Cosine => "<=>",
            Self::InnerProduct => "<#>",
            Self::L1 => "<+>",
        }
    }

    pub(crate) fn measure(self) -> Measure {
        match self {
            Self::L2 => Measure::SquaredL2,
            Self::Cosine | Self::InnerProduct => Measure::Dot,
            Self::L1 => Measure::L1,
        }
    }

    /// Converts a rank to a distance: ranks have the order of distances, without the square root.
    pub(crate) fn distance(self, rank: f32) -> f32 {
        match self {
            Self::L2 => sqrt(rank),
            Self::Cosine | Self::InnerProduct | Self::L1 => rank,
        }
    }

    /// The factor of a rank when the distance between two rows grows by `factor`; none under inner product,
    /// whose ranks are no distances and may be negative.
    pub(crate) fn stretch(self, factor: f32) -> Option<f32> {
        match self {
            // Between rows of length 1, cosine distance is half of the squared distance.
            Self::L2 | Self::Cosine => Some(factor * factor),
            Self::L1 => Some(factor),
            Self::InnerProduct => None,
        }
    }

    /// Whether codes can rank rows: they give inner products and squared distances, but not L1.
    pub(crate) fn takes_codes(self) -> bool {
        match self {
            Self::L2 | Self::Cosine | Self::InnerProduct => true,
            Self::L1 => false,
        }
    }

    /// Whether both metrics give the same order of unit vectors.
    pub(crate) fn orders_like(self, other: Self) -> bool {
        let by_angle = |metric| match metric {
            Self::L2 | Self::Cosine | Self::InnerProduct => true,
            Self::L1 => false,
        };
        self == other || (by_angle(self) && by_angle(other))
    }
}

/// 1 − similarity, kept within 0 and 2 against rounding, as pgvector does.
pub(crate) fn cosine_distance(similarity: f32) -> f32 {
    1.0 - similarity.clamp(-1.0, 1.0)
}
