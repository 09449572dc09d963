//! The kinds of sections.

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(crate) enum Kind {
    // In the order of the file: first what every query reads, then what a walk reads, then what answers need.
    Hidden = 1,
    CodeCentre = 2,
    HnswUpper = 3,
    IvfCentroids = 4,
    IvfOffsets = 5,
    HnswOffsets = 6,
    HnswBase = 7,
    Codes = 8,
    Keys = 9,
    KeyOffsets = 10,
    KeyOrder = 11,
    ColumnZones = 12,
    ColumnValidity = 13,
    ColumnDictionaryOffsets = 14,
    ColumnDictionary = 15,
    Vectors = 16,
    ColumnOffsets = 17,
    ColumnValues = 18,
    // Kinds that were added later.
    CodeFactors = 19,
    Copies = 20,
    HnswRecords = 21,
    PackedCodes = 22,
    VectorErrors = 23,
    RangeTop = 24,
    RangeGroups = 25,
    RangeLists = 26,
    KeyDirectory = 27,
    KeyLeaves = 28,
}

impl Kind {
    const ALL: [Self; 28] = [
        Self::Hidden,
        Self::CodeCentre,
        Self::HnswUpper,
        Self::IvfCentroids,
        Self::IvfOffsets,
        Self::HnswOffsets,
        Self::HnswBase,
        Self::Codes,
        Self::Keys,
        Self::KeyOffsets,
        Self::KeyOrder,
        Self::ColumnZones,
        Self::ColumnValidity,
        Self::ColumnDictionaryOffsets,
        Self::ColumnDictionary,
        Self::Vectors,
        Self::ColumnOffsets,
        Self::ColumnValues,
        Self::CodeFactors,
        Self::Copies,
        Self::HnswRecords,
        Self::PackedCodes,
        Self::VectorErrors,
        Self::RangeTop,
        Self::RangeGroups,
        Self::RangeLists,
        Self::KeyDirectory,
        Self::KeyLeaves,
    ];

    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }

    /// The name in messages and in `info`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hidden => "removed rows",
            Self::CodeCentre => "centre of the codes",
            Self::HnswUpper => "upper layers of the graph",
            Self::IvfCentroids => "centroids",
            Self::IvfOffsets => "lists of the inverted file",
            Self::HnswOffsets => "offsets of the base layer",
            Self::HnswBase => "base layer of the graph",
            Self::Codes => "codes",
            Self::Keys => "keys",
            Self::KeyOffsets => "offsets of the keys",
            Self::KeyOrder => "order of the keys",
            Self::ColumnZones => "zones of a column",
            Self::ColumnValidity => "nulls of a column",
            Self::ColumnDictionaryOffsets => "offsets of a column's dictionary",
            Self::ColumnDictionary => "dictionary of a column",
            Self::Vectors => "vectors",
            Self::ColumnOffsets => "offsets of a column",
            Self::ColumnValues => "values of a column",
            Self::CodeFactors => "factors of the codes",
            Self::Copies => "copies of rows",
            Self::HnswRecords => "neighbours of the base layer",
            Self::PackedCodes => "codes of 4 bits",
            Self::VectorErrors => "errors of the vectors",
            Self::RangeTop => "top of the lists for ranges",
            Self::RangeGroups => "groups of the lists for ranges",
            Self::RangeLists => "lists for ranges",
            Self::KeyDirectory => "directory of the keys",
            Self::KeyLeaves => "sorted keys",
        }
    }

    /// Whether a reader that does not know it must refuse the file. Without the copies it finds the same rows,
    /// by edges; no search reads the errors of vectors, and none of a whole file reads the lists for ranges
    /// or the directory of keys.
    pub fn is_required(self) -> bool {
        !matches!(self, Self::Copies | Self::VectorErrors) && !self.is_for_ranges()
    }

    /// Whether only readers of ranges use it.
    pub fn is_for_ranges(self) -> bool {
        matches!(
            self,
            Self::RangeTop
                | Self::RangeGroups
                | Self::RangeLists
                | Self::KeyDirectory
                | Self::KeyLeaves
        )
    }

    /// Base-two logarithm of the block size of its checksums: small blocks where queries read scattered rows.
    pub fn block_log2(self) -> u8 {
        match self {
            Self::HnswOffsets
            | Self::HnswBase
            | Self::HnswRecords
            | Self::Codes
            | Self::PackedCodes
            | Self::Vectors
            | Self::Keys
            | Self::KeyOrder
            | Self::ColumnOffsets
            | Self::ColumnValues
            | Self::CodeFactors
            | Self::VectorErrors => 12,
            _ => 16,
        }
    }
}
