use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use leadgate_enrichment::config::Column;
use leadgate_enrichment::person::ProfileField;
use proptest::prelude::*;

use super::*;

struct Bytes(Vec<u8>);

impl Source for Bytes {
    fn open(&self, byte: u64) -> io::Result<Box<dyn Read>> {
        let rest = self.0.get(usize::try_from(byte).unwrap_or(usize::MAX)..).unwrap_or_default();
        Ok(Box::new(Cursor::new(rest.to_vec())))
    }
}

fn feed() -> Feed {
    let columns = [
        (Column::BusinessId, "id"),
        (Column::Profile(ProfileField::CompanyName), "name"),
        (Column::Profile(ProfileField::CompanyPhone), "phone"),
    ];
    let columns = columns.map(|(column, header)| (column, header.to_owned())).into_iter().collect::<BTreeMap<_, _>>();
    Feed { delimiter: b',', calling_code: "1".to_owned(), columns }
}

/// All pieces, each read as if nothing had been read in this process before.
fn resumed(source: &Bytes) -> (Vec<Row>, String) {
    let (mut place, mut rows, mut rejects) = (Place::default(), Vec::new(), String::new());
    loop {
        let piece = Rows::open(&feed(), source, place).expect("its header").next(PIECE_ROWS).expect("a piece");
        assert_eq!(piece.rejects_before, rejects.len() as u64);
        rows.extend(piece.businesses);
        rejects.push_str(&piece.rejects);
        place = piece.next;
        if piece.is_last {
            return (rows, rejects);
        }
    }
}

fn straight(source: &Bytes) -> (Vec<Row>, String) {
    let (mut reader, mut rows, mut rejects) =
        (Rows::open(&feed(), source, Place::default()).expect("its header"), Vec::new(), String::new());
    loop {
        let piece = reader.next(PIECE_ROWS).expect("a piece");
        rows.extend(piece.businesses);
        rejects.push_str(&piece.rejects);
        if piece.is_last {
            return (rows, rejects);
        }
    }
}

#[test]
fn what_is_wrong_is_said_with_its_line_however_lines_end() {
    let text = "\u{feff}id,name,phone\n1,Joe's,503-555-0142\n\n2,\"Two\nlines\",\n3,Ann's,503-555-0143,4\n\n\n4,Bob's,none\n5,\"A \"\"b\"\" c\",5035550144";
    let wanted = "line,column,left_out,reason\n4,\"\",row,nothing that a business is told by\n6,\"\",row,more columns than the header\n9,\"phone\",value,not a telephone number\n9,\"\",row,nothing that a business is told by\n";
    for ends in ["\n", "\r\n"] {
        let source = Bytes(text.replace('\n', ends).into_bytes());
        let (rows, rejects) = straight(&source);
        assert_eq!(rejects, wanted, "{ends:?}");
        assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["1", "5"]);
    }
}

#[test]
fn a_header_that_lacks_a_column_is_refused_with_what_there_is() {
    let refused = |text: &str| match Rows::open(&feed(), &Bytes(text.as_bytes().to_vec()), Place::default()) {
        Err(Unread::Broken(reason)) => reason,
        _ => panic!("{text} is taken"),
    };
    assert_eq!(refused("id,name\n1,Joe's\n"), "no column is headed \"phone\", for company_phone; there are: id, name");
    assert_eq!(refused("id,name,phone,Phone\n"), "two columns are headed \"phone\", for company_phone");
    assert_eq!(refused(""), "it is empty");
}

#[test]
fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
    let mut text = b"id,name,phone\n1,Joe's,503-555-0142\n2,\"Ann's,503-555-0143\n".to_vec();
    text.extend(std::iter::repeat_n(b"x,y,z\n", 1_000_000).flatten());
    let mut rows = Rows::open(&feed(), &Bytes(text), Place::default()).expect("its header");
    let piece = rows.next(PIECE_ROWS).expect("what stands before it");
    assert_eq!((piece.businesses.len(), piece.is_last), (1, false));
    let Err(Unread::Broken(reason)) = rows.next(PIECE_ROWS) else { panic!("it is read") };
    assert!(reason.starts_with("line 3: a row is longer than 1 MB"), "{reason}");
}

#[test]
fn what_is_packed_is_unpacked_from_anywhere_and_what_is_cut_off_is_told_after_what_it_has() {
    let lines = (0..PIECE_ROWS + 10).map(|i| format!("{i},Name {i},503-555-{:04}\n", i % 10_000)).collect::<String>();
    let text = format!("id,name,phone\n{lines}");
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).expect("packed");
    let packed = packed.finish().expect("packed");
    let folder = std::env::temp_dir().join(format!("leadgate-feed-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("drop.csv.gz");
    std::fs::write(&path, &packed).expect("written");
    let source = crate::source::FileSource::new(&path);
    let mut first = Rows::open(&feed(), &source, Place::default()).expect("its header");
    let piece = first.next(PIECE_ROWS).expect("a piece");
    let rest = Rows::open(&feed(), &source, piece.next).expect("its header").next(PIECE_ROWS).expect("a piece");
    assert_eq!((piece.rows, rest.rows, rest.is_last), (PIECE_ROWS, 10, true));
    assert_eq!(rest.businesses[0].id, PIECE_ROWS.to_string());
    std::fs::write(&path, &packed[..packed.len() / 2]).expect("written");
    let mut cut = Rows::open(&feed(), &source, Place::default()).expect("its header");
    let piece = cut.next(PIECE_ROWS).expect("what it has");
    assert!(piece.rows > 0 && !piece.is_last);
    assert!(matches!(cut.next(PIECE_ROWS), Err(Unread::Broken(reason)) if reason.ends_with("it ends in the middle")));
    std::fs::remove_dir_all(folder).expect("removed");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn read_in_pieces_or_at_once_it_says_the_same(cells in prop::collection::vec("[a-z0-9 ,\"\\r\\n]{0,6}", 1..40), crlf: bool, seed in 0_u64..1000) {
        let mut writer = csv::WriterBuilder::new()
            .terminator(if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') })
            .flexible(true)
            .from_writer(Vec::new());
        writer.write_record(["id", "name", "phone"]).expect("written");
        for i in 0..PIECE_ROWS * 2 + seed {
            let cell = &cells[usize::try_from(i).expect("small") % cells.len()];
            let phone = format!("503555{:04}", i % 10_000);
            let row = [i.to_string(), cell.clone(), if i % 7 == 0 { cell.clone() } else { phone }];
            writer.write_record(&row[..if i % 11 == 0 { 2 } else { 3 }]).expect("written");
        }
        let source = Bytes(writer.into_inner().expect("written"));
        let (rows, rejects) = straight(&source);
        prop_assert_eq!(resumed(&source), (rows, rejects));
    }
}
