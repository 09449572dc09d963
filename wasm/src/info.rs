//! What is in an index, for `js/info.js`: values in the order in which that reads them, a list as
//! the number of its items and then these, null for what there is not.

use crate::token::Writer;
use alloc::format;
use hither::Index;

impl Writer {
    fn optional_number(&mut self, number: Option<u32>) {
        match number {
            Some(number) => self.number(number.into()),
            None => self.none(),
        }
    }

    fn optional_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.none(),
        }
    }

    /// What the files of an index have in common.
    pub fn index(&mut self, first: &Index<'_>, unit_length: bool) {
        let options = first.options();
        self.number(first.dimensions() as f64);
        self.text(first.metric().name());
        self.text(options.element.name());
        self.text(options.key_type.name());
        self.bool(unit_length);
        let model = options.properties.iter().find(|(name, _)| name == "model");
        self.optional_text(model.map(|(_, value)| value.as_str()));
        self.number(first.columns().len() as f64);
        for column in first.columns() {
            self.text(&column.name);
            self.text(column.column_type.name());
        }
    }

    /// One file of so many bytes.
    pub fn file(&mut self, index: &Index<'_>, bytes: usize) {
        let (info, options) = (index.info(), index.options());
        self.number(info.format_version.into());
        let content_id = index.content_id().map(|id| format!("{id:032x}"));
        self.optional_text(content_id.as_deref());
        self.number(index.len() as f64);
        self.number(bytes as f64);
        self.optional_number(options.hnsw.map(|hnsw| hnsw.m));
        self.optional_number(options.hnsw.map(|hnsw| hnsw.ef_construction));
        self.number(options.properties.len() as f64);
        for (name, value) in &options.properties {
            self.text(name);
            self.text(value);
        }
        self.number(info.segments.len() as f64);
        for segment in &info.segments {
            self.number(segment.rows.into());
            self.number(segment.removed.into());
            self.number(segment.structures.len() as f64);
            for structure in &segment.structures {
                self.text(structure.name());
            }
            self.text(segment.codes.name());
            self.optional_number(segment.lists);
            self.number(segment.calibrations.len() as f64);
            for calibration in &segment.calibrations {
                self.text(calibration.structure.name());
                self.number(calibration.k.into());
                self.number(calibration.queries.into());
                self.number(calibration.points.len() as f64);
                for &(effort, recall) in &calibration.points {
                    self.number(effort.into());
                    self.number(recall.into());
                }
            }
        }
        self.number(info.sections.len() as f64);
        for section in &info.sections {
            self.number(section.segment.into());
            self.text(section.name);
            self.optional_text(section.column.as_deref());
            self.number(section.offset as f64);
            self.number(section.length as f64);
        }
    }
}
