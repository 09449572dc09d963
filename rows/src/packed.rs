//! Text compressed with gzip or zstd, recognised by its first bytes, with which UTF-8 text cannot begin.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use crate::source::extension;

/// A compression of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// The compression that a file name's ending indicates.
    pub fn named_by(path: &Path) -> Option<Self> {
        match extension(path).as_str() {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// The message for a build that cannot decompress zstd.
#[cfg(not(feature = "parquet"))]
const WITHOUT_ZSTD: &str =
    "zstd was left out when this was built; build it with Parquet, or unpack the file: zstd -d";

/// The text of a file from its beginning, decompressed while it is read.
pub fn unpacked(mut file: File) -> io::Result<Box<dyn BufRead + Send>> {
    let mut first = Vec::new();
    (&mut file).take(4).read_to_end(&mut first)?;
    file.seek(SeekFrom::Start(0))?;
    let file = BufReader::with_capacity(1 << 17, file);
    Ok(match first[..] {
        [0x1f, 0x8b, ..] => {
            // Several members in a row are one text, as pigz and bgzip write it.
            let gzip = flate2::bufread::MultiGzDecoder::new(file);
            Box::new(BufReader::with_capacity(1 << 17, gzip))
        }
        #[cfg(feature = "parquet")]
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            let zstd = zstd::stream::read::Decoder::with_buffer(file)?;
            Box::new(BufReader::with_capacity(1 << 17, zstd))
        }
        #[cfg(not(feature = "parquet"))]
        [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(io::Error::other(WITHOUT_ZSTD)),
        _ => Box::new(file),
    })
}

#[cfg(test)]
mod tests {
    use std::{io::Write, path::Path};

    use flate2::{Compression, write::GzEncoder};

    use crate::{
        Error, Input, Options, Row,
        testing::{damage, drain, message, scratch},
    };

    const LINES: &str = "{\"vector\": [1, 2], \"t\": \"a\"}\n{\"vector\": [3, 4], \"t\": \"b\"}\n";
    const TABLE: &str = "vector\tt\n[1, 2]\ta\n[3, 4]\tb\n";

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn read(path: &Path) -> Result<Vec<Row>, Error> {
        drain(Input::open(path, &Options::default())?)
    }

    #[test]
    fn packed_text_is_text() {
        let folder = scratch("packed");
        let plain = folder.join("a.jsonl");
        std::fs::write(&plain, LINES).unwrap();
        let rows = read(&plain).unwrap();
        let table = TABLE.replace(", ", ",").replace('[', "\"[").replace(']', "]\"");
        let members = [gzip(&LINES[..31]), gzip(&LINES[31..])].concat();
        let mut files = vec![
            ("a.jsonl.gz", gzip(LINES)),
            ("members.jsonl.gz", members),
            // The content counts, whatever the name says.
            ("packed.jsonl", gzip(LINES)),
            ("plain.jsonl.gz", LINES.into()),
            ("a.tsv.gz", gzip(TABLE)),
            ("a.csv.gz", gzip(&table)),
        ];
        if cfg!(feature = "parquet") {
            files.push(("a.jsonl.zst", zstd(LINES)));
            files.push(("a.TSV.ZST", zstd(TABLE)));
        }
        for (name, bytes) in files {
            let path = folder.join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path).unwrap(), rows, "{name}");
        }
    }

    #[cfg(feature = "parquet")]
    fn zstd(text: &str) -> Vec<u8> {
        zstd::encode_all(text.as_bytes(), 3).unwrap()
    }

    #[cfg(not(feature = "parquet"))]
    fn zstd(_: &str) -> Vec<u8> {
        vec![0x28, 0xb5, 0x2f, 0xfd, 0]
    }

    #[cfg(not(feature = "parquet"))]
    #[test]
    fn without_zstd() {
        let folder = scratch("packed-without");
        let path = folder.join("a.jsonl.zst");
        std::fs::write(&path, zstd("")).unwrap();
        assert!(message(read(&path)).contains("zstd -d"));
    }

    #[test]
    fn what_is_cut_or_damaged_is_an_error() {
        let folder = scratch("packed-damage");
        for (name, bytes) in [("a.jsonl.gz", gzip(LINES)), ("a.jsonl.zst", zstd(LINES))] {
            if name.ends_with("zst") && !cfg!(feature = "parquet") {
                continue;
            }
            let path = folder.join(name);
            damage(&path, &bytes, |path| read(path).map(|rows| rows.len()));
            for length in 0..bytes.len() {
                std::fs::write(&path, &bytes[..length]).unwrap();
                message(read(&path));
            }
        }
    }

    #[test]
    fn a_line_that_unpacks_to_more_than_memory_is_refused() {
        let folder = scratch("packed-bomb");
        let path = folder.join("a.jsonl.gz");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let zeros = vec![b' '; 1 << 20];
        (0..300).for_each(|_| encoder.write_all(&zeros).unwrap());
        std::fs::write(&path, encoder.finish().unwrap()).unwrap();
        assert!(message(read(&path)).contains("line 1: it is longer than 256 MiB"));
        let path = folder.join("a.csv.gz");
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"vector\n\"").unwrap();
        (0..300).for_each(|_| encoder.write_all(&zeros).unwrap());
        std::fs::write(&path, encoder.finish().unwrap()).unwrap();
        assert!(message(read(&path)).contains("a row is longer than 256 mib"));
    }
}
