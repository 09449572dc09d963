//! Bringing the bytes of an object, from where an earlier attempt ended.

use crate::cause::{answered, cause};
use crate::error::{Error, ErrorKind, Result};
use crate::note::Note;
use crate::object::Object;
use futures_util::TryStreamExt;
use object_store::{GetOptions, GetRange, GetResult};
use std::fs::File;
use std::io::{self, Write};

/// The rest of a version of which `have` bytes were brought; none if it is not known which one that was, or the
/// server has another, or cannot send a part.
pub async fn rest(object: &Object, note: Option<Note>, have: u64) -> Result<Option<GetResult>> {
    let note = note.filter(|note| note.url == object.url && note.can_be_resumed());
    let Some(note) = note.filter(|note| 0 < have && have < note.length) else { return Ok(None) };
    let options = GetOptions { range: Some(GetRange::Offset(have)), ..note.conditions() };
    match object.store.get_opts(&object.path, options).await {
        Ok(result) if note.is_of(&result.meta) => Ok(Some(result)),
        Err(error @ object_store::Error::Generic { .. }) if !answered(&error) => {
            Err(cause(&object.url, &error))
        }
        _ => Ok(None),
    }
}

/// The file from its start; none if the server says that the version that is there is right.
pub async fn all(object: &Object, there: Option<&Note>) -> Result<Option<GetResult>> {
    let options = GetOptions {
        if_none_match: there.and_then(|note| note.etag.clone()),
        if_modified_since: there
            .filter(|note| note.etag.is_none())
            .and_then(|note| note.modified())
            .map(Into::into),
        ..GetOptions::default()
    };
    match object.store.get_opts(&object.path, options).await {
        Ok(result) => Ok(Some(result)),
        Err(object_store::Error::NotModified { .. }) => Ok(None),
        Err(error) => Err(cause(&object.url, &error)),
    }
}

/// Writes what arrives to a file that is at the end of the `have` bytes that are there, and tells how many there are.
pub async fn receive(
    object: &Object,
    result: GetResult,
    have: u64,
    file: &mut File,
    unusable: impl Fn(&io::Error) -> Error,
    told: &mut (impl FnMut(u64, u64) + ?Sized),
) -> Result<()> {
    let (length, mut written) = (result.meta.size, have);
    let mut stream = result.into_stream();
    told(written, length);
    while let Some(bytes) = stream.try_next().await.map_err(|error| cause(&object.url, &error))? {
        written += bytes.len() as u64;
        if written > length {
            let message = format!(
                "index file \"{}\": more arrives than the {length} bytes that it has",
                object.url
            );
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        file.write_all(&bytes).map_err(|error| unusable(&error))?;
        told(written, length);
    }
    if written != length {
        let reason = format!("{written} of {length} bytes arrived");
        return Err(Error::not_given(ErrorKind::NotGiven, &object.url, reason));
    }
    file.sync_all().map_err(|error| unusable(&error))
}
