//! Searches local files as one.

use super::answers::{Columns, Row};
use super::arguments::Arguments;
use super::target::Target;
use crate::failure::Failure;
use hither::{
    Calibration, Filter, IndexFilter, IndexOptions, Key, KeyRef, Searcher, Shards, Value,
};

/// The local files.
pub struct Files<'a> {
    shards: &'a Shards<'a, 'a>,
    filters: Vec<IndexFilter<'a>>,
    arguments: &'a Arguments,
    columns: Vec<Columns>,
    except: Option<Key>,
    searcher: Searcher,
}

impl<'a> Files<'a> {
    pub fn new(arguments: &'a Arguments, shards: &'a Shards<'a, 'a>) -> Result<Self, Failure> {
        let indexes = shards.indexes();
        let filters = match &arguments.filter {
            Some(json) => {
                let filter = Filter::from_json(json)?;
                indexes.iter().map(|index| index.filter(&filter)).collect::<Result<_, _>>()?
            }
            None => Vec::new(),
        };
        let except = arguments.except(indexes[0].options().key_type)?;
        // Checked before searching, because a wrong name would go unnoticed if no row is found.
        let columns =
            indexes.iter().map(|index| Columns::new(arguments.columns.as_deref(), index.options()));
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(Self { shards, filters, arguments, columns, except, searcher: Searcher::new() })
    }

    fn rows(&mut self, query: &[f32]) -> hither::Result<Vec<Row>> {
        let params = self.arguments.params(self.except.as_ref());
        let filters: Vec<&IndexFilter<'_>> = self.filters.iter().collect();
        let mut found = Vec::new();
        for near in self.shards.search(query, &params, &filters, &mut self.searcher)? {
            let (file, row) = self.shards.place(near.row)?;
            let key = self.shards.key(near.row)?.to_owned();
            let index = self.shards.indexes()[file];
            let numbers = self.columns[file].numbers.iter();
            let values: hither::Result<Vec<Value>> =
                numbers.map(|&column| Ok(index.value(row, column)?.to_owned())).collect();
            found.push(Row { file, key, distance: near.distance, values: values? });
        }
        Ok(found)
    }
}

impl Target for Files<'_> {
    fn options(&self) -> &IndexOptions {
        self.shards.indexes()[0].options()
    }

    fn columns(&self) -> &[Columns] {
        &self.columns
    }

    fn vector(&mut self, key: KeyRef<'_>) -> Result<Option<Vec<f32>>, Failure> {
        let Some(row) = self.shards.find(key)? else { return Ok(None) };
        let (shard, row) = self.shards.place(row)?;
        let mut values = vec![0.0; self.options().dimensions];
        self.shards.indexes()[shard].vector(row, &mut values)?;
        Ok(Some(values))
    }

    fn unreached_recall(&self) -> Option<&Calibration> {
        self.shards.unreached_recall(&self.arguments.params(self.except.as_ref()))
    }

    fn search(&mut self, query: &[f32], number: usize) -> Result<Vec<Row>, Failure> {
        let arguments = self.arguments;
        self.rows(query).map_err(|error| arguments.of_query(number, error))
    }
}
