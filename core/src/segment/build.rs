//! Builds a segment: codes, structures, calibration, and the order of its rows.

use super::calibrate::Context;
use super::coded::{CodedRows, Coding};
use super::progress::{OnProgress, Progress};
use super::truth::{Truth, codes_fit, measure_truth};
use super::{Codes, ranges};
use crate::aligned::AlignedBytes;
use crate::archive::Kind;
use crate::archive::manifest::{self, NO_COLUMN, Section};
use crate::archive::write::{NewSection, Source};
use crate::calibration::Calibration;
use crate::column::ColumnBuilder;
use crate::error::{OrCorrupt, Result};
use crate::hnsw::HnswParams;
use crate::hnsw::build::Graph;
use crate::hnsw::encode::EncodedGraph;
use crate::hnsw::groups::Groups;
use crate::hnsw::ranks::RowRanks;
use crate::ivf::IvfParams;
use crate::ivf::kmeans::{self, Clustering};
use crate::key::directory::{encode_directory, needs_directory};
use crate::key::{Key, KeyType, encode_keys};
use crate::metric::Metric;
use crate::parallel::Threads;
use crate::quantize::{CodePairs, Quantizer, Width, encode_error};
use crate::random::Random;
use crate::ranges::encode::Rows;
use crate::vectors::Vectors;
use alloc::borrow::Cow;
use alloc::rc::Rc;
use alloc::vec;
use alloc::vec::Vec;

/// What to build.
#[derive(Clone, Debug)]
pub(crate) struct SegmentParams {
    pub hnsw: Option<HnswParams>,
    pub ivf: Option<IvfParams>,
    pub ranges: bool,
    pub codes: Codes,
    pub codes_required: bool,
    pub seed: u64,
}

/// The rows of a segment that is built.
pub(crate) struct SegmentRows<'a> {
    pub vectors: &'a Vectors,
    pub key_type: KeyType,
    pub keys: &'a [Key],
    /// The distance of each stored vector from the row's true one; rows beyond the end of the list have none.
    pub errors: &'a [f32],
    pub columns: &'a [ColumnBuilder],
}

/// A segment in the form of the file.
pub(crate) struct NewSegment<'a> {
    pub segment: manifest::Segment,
    pub sections: Vec<NewSection<'a>>,
}

/// Builds a segment over `rows`.
pub(crate) fn build<'a>(
    number: u32,
    rows: SegmentRows<'a>,
    params: &SegmentParams,
    threads: &Threads,
    progress: OnProgress<'_>,
) -> Result<NewSegment<'a>> {
    let count = rows.vectors.rows();
    let metric = rows.vectors.shape().metric;
    let dimensions = rows.vectors.shape().dimensions;
    let structured = (params.hnsw.is_some() || params.ivf.is_some() || params.ranges) && count > 0;

    let mut truth = Truth::default();
    if structured {
        truth = measure_truth(rows.vectors, params.seed, threads, progress)?;
    }
    let mut coding = choose_codes(rows.vectors, params, &truth, threads, progress)?;
    let codes = coding.stored;
    let mut segment = manifest::Segment { rows: count, ..manifest::Segment::default() };
    let mut graph = None;
    if let Some(hnsw) = params.hnsw.filter(|_| count > 0) {
        let (built, calibrations) = build_graph(hnsw, params.seed, &mut coding, &truth, progress)?;
        graph = Some(built);
        segment.calibrations.extend(calibrations.iter().map(Calibration::to_manifest));
    }
    let mut clustering = None;
    let mut range_lists = None;
    if params.ranges && count > 0 {
        let wanted = (params.ivf.map_or(0, |ivf| ivf.lists), params.seed);
        let made = ranges::make_lists(rows.vectors, graph.as_ref(), wanted, threads, progress)?;
        if params.ivf.is_some() {
            // A copy of these lists, for readers of the whole file.
            let built = made.clustering.clone();
            let calibrations = Context::new(&mut coding, &truth)?.calibrate_ivf(&built)?;
            segment.calibrations.extend(calibrations.iter().map(Calibration::to_manifest));
            clustering = Some(built);
        }
        range_lists = Some(made);
    } else if let Some(ivf) = params.ivf.filter(|_| count > 0) {
        let lists = ivf.lists_for(count);
        let view = rows.vectors.view();
        let report = |step: usize| {
            progress(Progress {
                stage: "clustering",
                done: step as u64,
                total: kmeans::STEPS as u64,
            })
        };
        let mut built =
            kmeans::cluster(&view, count, lists, params.seed, threads, &mut { report })?;
        if let Some(graph) = &graph {
            graph.share_lists(&mut built.lists);
        }
        let calibrations = Context::new(&mut coding, &truth)?.calibrate_ivf(&built)?;
        segment.calibrations.extend(calibrations.iter().map(Calibration::to_manifest));
        clustering = Some(built);
    }
    // Frees what only the building of the structures needed, before their form in the file is made.
    coding.hold_stored()?;
    let mut coded = coding.held;

    // Rows that are near each other are placed near each other: in the order of the lists, and within a list
    // (or without lists) in breadth-first order of the graph.
    let mut order: Vec<u32> = match &graph {
        Some(graph) => graph.breadth_first(),
        None => (0..count).collect(),
    };
    let ordering = range_lists.as_ref().map(|lists| &lists.clustering).or(clustering.as_ref());
    if let Some(clustering) = ordering {
        order = by_list(&order, clustering);
    }
    let order: Rc<[u32]> = order.into();
    let range_sections = match range_lists {
        Some(lists) => {
            let SegmentRows { vectors, keys, key_type, .. } = rows;
            let ordered = Rows { vectors, keys, key_type, order: &order };
            ranges::sections(&ordered, &lists, &truth, threads, progress)?
        }
        None => Vec::new(),
    };
    drop(truth);

    let mut sections = Vec::new();
    let mut add = |column: u32, kind: Kind, source: Source<'a>| {
        sections.push(NewSection { section: Section::new(number, column, kind), source });
    };
    for (kind, bytes) in range_sections {
        add(NO_COLUMN, kind, owned(bytes));
    }
    if let Some(graph) = graph {
        let mut new_row = vec![0; count as usize];
        for (new, &row) in order.iter().enumerate() {
            new_row[row as usize] = new as u32;
        }
        let EncodedGraph { records, upper, copies, edges, layers, entry } = graph.encode(&new_row);
        add(NO_COLUMN, Kind::HnswUpper, owned(upper));
        add(NO_COLUMN, Kind::Copies, owned(copies));
        add(NO_COLUMN, Kind::HnswRecords, owned(records));
        let m = params.hnsw.map_or(0, |hnsw| hnsw.m);
        segment.hnsw = Some(manifest::Hnsw { m, edges, layers, entry });
    }
    if let Some(clustering) = &clustering {
        let mut offsets = vec![0_u32; clustering.centroids.rows() as usize + 1];
        for &list in &clustering.lists {
            offsets[list as usize + 1] += 1;
        }
        let mut sum = 0;
        for offset in &mut offsets {
            sum += *offset;
            *offset = sum;
        }
        add(NO_COLUMN, Kind::IvfOffsets, owned(bytemuck::cast_slice(&offsets).to_vec()));
        add(NO_COLUMN, Kind::IvfCentroids, owned(clustering.centroids.bytes().to_vec()));
        segment.ivf = Some(manifest::Ivf { lists: clustering.centroids.rows() });
    }
    if codes != Codes::Sq8Only {
        let stride = rows.vectors.shape().stride();
        let bytes = Cow::Borrowed(rows.vectors.bytes());
        add(NO_COLUMN, Kind::Vectors, Source::Gather { bytes, stride, order: order.clone() });
    }
    segment.codes = codes as u8;
    if codes != Codes::None && count == 0 {
        let quantizer = Quantizer::zero(codes.width(), dimensions);
        coded = Some(CodedRows { quantizer, bytes: AlignedBytes::new(), factors: Vec::new() });
    }
    let mut vector_errors = Cow::Borrowed(rows.errors);
    if codes == Codes::Sq8Only
        && let Some(coded) = &coded
        && metric.takes_codes()
    {
        vector_errors = coded.errors(rows.vectors, rows.errors, threads)?.into();
    }
    if !vector_errors.is_empty() {
        let error = |&row: &u32| vector_errors.get(row as usize).copied().unwrap_or(0.0);
        let bytes = order.iter().flat_map(|row| encode_error(error(row)));
        add(NO_COLUMN, Kind::VectorErrors, owned(bytes.collect()));
    }
    if let Some(CodedRows { quantizer, bytes, factors }) = coded {
        segment.scale = quantizer.scale;
        let centre = bytemuck::cast_slice(&quantizer.centre).to_vec();
        add(NO_COLUMN, Kind::CodeCentre, owned(centre));
        let stride = quantizer.width.stride(dimensions);
        let mut beside = Vec::new();
        if !quantizer.width.has_room_for_factor(dimensions) {
            for &row in order.iter() {
                beside.extend_from_slice(&factors[row as usize].to_le_bytes());
            }
        }
        let bytes = Cow::Owned(bytes);
        add(NO_COLUMN, codes.section(), Source::Gather { bytes, stride, order: order.clone() });
        if metric != Metric::InnerProduct {
            add(NO_COLUMN, Kind::CodeFactors, owned(beside));
        }
    }
    segment.key_bits =
        add_row_sections(number, rows.key_type, rows.keys, rows.columns, &order, &mut sections)?;
    if params.ranges && needs_directory(rows.key_type) {
        let made = encode_directory(rows.keys, &order);
        for (kind, bytes) in [(Kind::KeyDirectory, made.directory), (Kind::KeyLeaves, made.leaves)]
        {
            let section = Section::new(number, NO_COLUMN, kind);
            sections.push(NewSection { section, source: owned(bytes) });
        }
    }
    Ok(NewSegment { segment, sections })
}

/// Adds the sections of the keys and columns of a segment, whose rows are in this order; returns how many bits
/// a key takes.
pub(crate) fn add_row_sections(
    number: u32,
    key_type: KeyType,
    keys: &[Key],
    columns: &[ColumnBuilder],
    order: &[u32],
    sections: &mut Vec<NewSection<'_>>,
) -> Result<u32> {
    let mut add = |column: u32, kind: Kind, bytes: Vec<u8>| {
        sections
            .push(NewSection { section: Section::new(number, column, kind), source: owned(bytes) });
    };
    let keys = encode_keys(key_type, keys, order)?;
    add(NO_COLUMN, Kind::Keys, keys.keys);
    add(NO_COLUMN, Kind::KeyOffsets, keys.offsets);
    add(NO_COLUMN, Kind::KeyOrder, keys.order);
    for (column, values) in (0..).zip(columns) {
        let sections = values.encode(order);
        add(column, Kind::ColumnValidity, sections.validity);
        add(column, Kind::ColumnValues, sections.values);
        add(column, Kind::ColumnOffsets, sections.offsets);
        add(column, Kind::ColumnDictionaryOffsets, sections.dictionary_offsets);
        add(column, Kind::ColumnDictionary, sections.dictionary);
        add(column, Kind::ColumnZones, sections.zones);
    }
    Ok(keys.bits)
}

/// Chooses the codes to store, if any are wanted and tell the rows apart: 4-bit codes, else 8-bit codes, else
/// none. The 8-bit codes are made for the graph too, which is built on them even if they are not stored,
/// because integers are faster.
fn choose_codes<'a>(
    vectors: &'a Vectors,
    params: &SegmentParams,
    truth: &Truth,
    threads: &'a Threads,
    progress: OnProgress<'_>,
) -> Result<Coding<'a>> {
    let stored = params.codes;
    let mut coding = Coding { vectors, threads, stored, quantizers: Vec::new(), held: None };
    let rows = vectors.rows();
    if !vectors.shape().metric.takes_codes() || rows == 0 {
        // No codes, unless codes are all that is stored.
        if stored != Codes::Sq8Only {
            coding.stored = Codes::None;
        }
        return Ok(coding);
    }
    for width in [Width::Four, Width::Eight] {
        let is_stored = coding.stored != Codes::None && coding.stored.width() == width;
        if !is_stored && (width == Width::Four || params.hnsw.is_none()) {
            continue;
        }
        coding.quantizers.push(Quantizer::train(width, &vectors.view(), rows)?);
        let coded = coding.hold(width)?.or_corrupt("codes")?;
        progress(Progress { stage: "coding", done: rows.into(), total: rows.into() })?;
        if params.codes_required || codes_fit(vectors, coded, truth, threads)? {
            continue;
        }
        coding.quantizers.pop();
        coding.held = None;
        if is_stored {
            coding.stored = if width == Width::Four { Codes::Sq8 } else { Codes::None };
        }
    }
    Ok(coding)
}

/// The rows of `order`, sorted by list; within a list their order is kept.
fn by_list(order: &[u32], clustering: &Clustering) -> Vec<u32> {
    let mut ends = vec![0; clustering.centroids.rows() as usize + 1];
    clustering.lists.iter().for_each(|&list| ends[list as usize + 1] += 1);
    for list in 1..ends.len() {
        ends[list] += ends[list - 1];
    }
    let mut ordered = vec![0; order.len()];
    for &row in order {
        let next = &mut ends[clustering.lists[row as usize] as usize];
        ordered[*next] = row;
        *next += 1;
    }
    ordered
}

fn owned<'a>(bytes: Vec<u8>) -> Source<'a> {
    Source::Bytes(Cow::Owned(bytes))
}

/// Builds a graph and measures its recall.
fn build_graph(
    params: HnswParams,
    seed: u64,
    coding: &mut Coding<'_>,
    truth: &Truth,
    progress: OnProgress<'_>,
) -> Result<(Graph, Vec<Calibration>)> {
    let Coding { vectors, threads, stored, .. } = *coding;
    let rows = vectors.rows();
    // In random order, since inputs are often sorted by kind. The queries of the calibration come last, so that
    // it measures a graph without them.
    let mut order: Vec<u32> = (0..rows).filter(|&row| !truth.held_out[row as usize]).collect();
    Random::new(seed).shuffle(&mut order);
    let before = order.len();
    order.extend(&truth.rows);

    let places = || 0..order.len() as u32;
    let children = 2 * params.m as usize;
    let mut coded = coding.hold(Width::Eight)?;
    let copies = match coded {
        Some(codes) if stored == Codes::Sq8Only => {
            Groups::find(&order, places(), children, |row| codes.record(row))
        }
        _ => Groups::find(&order, places(), children, |row| vectors.record(row)),
    };
    let mut alike = Groups::default();
    if let Some(codes) = coded {
        let rows = places().filter(|&place| !copies.is_other(place));
        alike = Groups::find(&order, rows, children - 1, |row| codes.record(row));
        // Where a search measures vectors, it should tell rows apart that only have equal codes, which a graph
        // that is built on codes cannot do.
        if stored == Codes::None && !alike.pairs().is_empty() {
            (coded, alike) = (None, Groups::default());
        }
    }
    let on_codes = coded.is_some();
    let mut graph = Graph::new(params, &order, seed, copies, alike);
    let mut report = |stage: &'static str, done: usize| {
        progress(Progress { stage, done: done as u64, total: rows.into() })
    };
    let ranks = row_ranks(vectors, coded)?;
    graph.insert_until(before, &ranks, threads, &mut |done| report("linking", done))?;
    graph.refine(&ranks, threads, &mut |done| report("refining", done))?;
    graph.finish(&ranks)?;
    drop(ranks);
    let calibrations = Context::new(coding, truth)?.calibrate_graph(&graph)?;
    let coded = if on_codes { coding.hold(Width::Eight)? } else { None };
    let ranks = row_ranks(vectors, coded)?;
    graph.insert_until(order.len(), &ranks, threads, &mut |done| report("linking", done))?;
    graph.finish(&ranks)?;
    Ok((graph, calibrations))
}

/// Ranks between rows, from their codes if there are any.
fn row_ranks<'a>(vectors: &'a Vectors, coded: Option<&'a CodedRows>) -> Result<RowRanks<'a>> {
    let (metric, rows) = (vectors.shape().metric, vectors.rows());
    let pairs = coded.map(|codes| CodePairs::new(codes.view(metric), rows)).transpose()?;
    RowRanks::new(vectors, pairs)
}
