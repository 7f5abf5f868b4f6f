//! Draws a frame: from a state, into a buffer, and nothing else.
//!
//! From above: what is looked at, the machine if it is sampled, what needs attention if anything does, the functions, the
//! one that is selected in full, and the keys. A frame of any size can be drawn: what has no room is left out.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Cell, Row, StatefulWidget, Table, TableState, Widget},
};

use super::{
    host::Host,
    state::{COLUMNS, Output, State},
};
use crate::{
    activity::{Activity, Function, rate},
    arguments::Column,
    duration, instant,
    table::escaped,
};

/// How many notices are shown.
const MOST_NOTICES: usize = 4;

/// The least that is left for names of functions, by leaving columns out.
const LEAST_NAME: usize = 24;

/// What is left out first where there is little room.
const SPARE: [Column; 5] = [Column::Panicked, Column::Max, Column::P50, Column::Calls, Column::Share];

/// The most functions of a frame that is printed.
const MOST_PRINTED: usize = 50;

const KEYS: &str = "q quit   s sort   / filter   ↑↓ select   p pause   + - window";

/// Draws everything into `area`.
pub(super) fn draw(state: &State, area: Rect, buffer: &mut Buffer) {
    let activity = state.activity();
    let above = above(state);
    let below = below(state, &activity);
    let heights = [above.len(), below.len()].map(|lines| Constraint::Length(lines as u16));
    let [top, middle, bottom] = Layout::vertical([heights[0], Constraint::Min(0), heights[1]]).areas(area);
    draw_lines(&above, top, buffer);
    draw_functions(state, &activity, middle, buffer);
    draw_lines(&below, bottom, buffer);
}

/// A frame as text, as high as it has to be.
pub(super) fn text(state: &State, width: u16) -> String {
    let activity = state.activity();
    // With the head of the table, or with a line that says that there is none.
    let rows = activity.functions.len().min(MOST_PRINTED) + 1;
    let height = above(state).len() + rows + below(state, &activity).len();
    let area = Rect::new(0, 0, width.max(1), height as u16);
    let mut buffer = Buffer::empty(area);
    draw(state, area, &mut buffer);
    let mut text = String::new();
    for y in 0..area.height {
        let line: String = (0..area.width).map(|x| buffer[(x, y)].symbol()).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn draw_lines(lines: &[Line<'_>], area: Rect, buffer: &mut Buffer) {
    for (line, row) in lines.iter().zip(area.rows()) {
        line.render(row, buffer);
    }
}

/// The lines above the table.
fn above(state: &State) -> Vec<Line<'static>> {
    let pace = match state.output {
        _ if state.is_paused => Some(String::from("paused")),
        Output::Text => None,
        Output::Plain | Output::Coloured => Some(format!("every {}", duration::shown(state.every))),
    };
    let window = format!("last {}", duration::shown(state.window));
    let mut title = vec![String::from("monitor top"), escaped(state.db.chars()), window];
    title.extend(state.snapshot.taken.map(instant::shown).into_iter().chain(pace));
    let mut lines = vec![Line::styled(title.join("  "), Style::new().add_modifier(Modifier::BOLD))];
    if state.snapshot.host.is_known() {
        lines.extend(host(&state.snapshot.host).map(Line::raw));
    }
    let notices = state.snapshot.notices.iter().take(MOST_NOTICES);
    lines.extend(notices.map(|notice| Line::styled(format!("! {}", escaped(notice.chars())), alarm(state))));
    let more = state.snapshot.notices.len().saturating_sub(MOST_NOTICES);
    lines.extend((more > 0).then(|| Line::styled(format!("! and {more} more"), alarm(state))));
    lines
}

/// Two lines of what the machine is doing.
fn host(host: &Host) -> [String; 2] {
    let percent = |ratio: f64| format!("{:.0}%", ratio * 100.0);
    let first = [
        host.cpu.map(|cpu| format!("cpu {}", percent(cpu))),
        host.load[0].map(|_| format!("load {}", host.load.map(|load| format!("{:.2}", load.unwrap_or(0.0))).join(" "))),
        host.memory.map(|memory| {
            let of = host.memory_bytes.map(|all| format!(" of {}", bytes(all))).unwrap_or_default();
            format!("memory {}{of}", percent(memory))
        }),
        host.swap.map(|swap| format!("swap {}", percent(swap))),
    ];
    let a_second = |read: Option<f64>| read.map_or_else(|| String::from("-"), |read| format!("{}/s", bytes(read)));
    let second = [
        host.disk_read
            .or(host.disk_write)
            .map(|_| format!("disk read {} write {}", a_second(host.disk_read), a_second(host.disk_write))),
        host.received.or(host.sent).map(|_| format!("net in {} out {}", a_second(host.received), a_second(host.sent))),
        host.fullest
            .as_ref()
            .map(|(mountpoint, ratio)| format!("{} {} full", escaped(mountpoint.chars()), percent(*ratio))),
    ];
    [first.into_iter().flatten().collect::<Vec<_>>(), second.into_iter().flatten().collect()]
        .map(|parts| parts.join("   "))
}

/// The lines below the table: the function that is selected, and the keys.
fn below(state: &State, activity: &Activity) -> Vec<Line<'static>> {
    if state.output == Output::Text {
        return Vec::new();
    }
    let selected = activity.functions.get(state.selected).map(|function| Line::raw(details(function)));
    let keys = if state.is_typing {
        Line::raw(format!("filter: {}▏  Enter keeps it, Esc drops it", escaped(state.filter.chars())))
    } else if state.filter.is_empty() {
        Line::styled(KEYS, Style::new().add_modifier(Modifier::DIM))
    } else {
        Line::raw(format!("filter: {}   {KEYS}", escaped(state.filter.chars())))
    };
    vec![selected.unwrap_or_default(), keys]
}

/// What a row of the table has no room for.
fn details(function: &Function) -> String {
    let mut parts = vec![function.path.clone()];
    parts.extend((!function.service.is_empty()).then(|| format!("of {}", function.service)));
    parts.extend(function.p95.is_some().then(|| format!("p95 {}", function.text(Column::P95))));
    parts.push(format!("in flight {}", function.in_flight));
    parts.extend((function.cancelled > 0).then(|| format!("cancelled {}", function.cancelled)));
    parts.extend((!function.errors_by_type.is_empty()).then(|| format!("errors: {}", function.error_types())));
    escaped(parts.join("   ").chars())
}

fn draw_functions(state: &State, activity: &Activity, area: Rect, buffer: &mut Buffer) {
    if activity.functions.is_empty() {
        let nothing = if state.snapshot.activity.functions.is_empty() {
            "no function was called in this time"
        } else {
            "no function matches the filter"
        };
        Line::raw(nothing).render(area, buffer);
        return;
    }
    let columns = columns(state, activity, usize::from(area.width));
    let name_width = usize::from(area.width).saturating_sub(columns.iter().map(|column| column.width + 1).sum());
    let head = columns.iter().map(|column| cell(&column.head, Style::new()));
    let head = Row::new([Cell::from(head_of(state, Column::Function, "function"))].into_iter().chain(head));
    let row = |function: &Function| {
        let name = Cell::from(end_of(&escaped(function.path.chars()), name_width));
        let number = |column: &Drawn| cell(&function.text(column.column), style(state, function, column.column));
        Row::new([name].into_iter().chain(columns.iter().map(number)))
    };
    let rows: Vec<Row<'_>> = activity.functions.iter().map(row).collect();
    let widths = [name_width].into_iter().chain(columns.iter().map(|column| column.width));
    let mut table = Table::new(rows, widths.map(|width| Constraint::Length(width as u16)))
        .header(head.style(Style::new().add_modifier(Modifier::BOLD)));
    let mut selected = TableState::new();
    if state.output != Output::Text {
        table = table.row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
        selected.select(Some(state.selected));
    }
    StatefulWidget::render(table, area, buffer, &mut selected);
}

/// A column of numbers that there is room for.
struct Drawn {
    column: Column,
    head: String,
    width: usize,
}

/// The columns of numbers. Those that can be spared are left out until names have room.
fn columns(state: &State, activity: &Activity, width: usize) -> Vec<Drawn> {
    let drawn = |(column, name): (Column, &str)| {
        let head = head_of(state, column, name);
        let cells = activity.functions.iter().map(|function| function.text(column).chars().count());
        let width = cells.chain([head.chars().count()]).max().unwrap_or(0);
        Drawn { column, head, width }
    };
    let mut columns: Vec<Drawn> = COLUMNS.into_iter().skip(1).map(drawn).collect();
    for spare in SPARE {
        let taken: usize = columns.iter().map(|column| column.width + 1).sum();
        if taken + LEAST_NAME <= width {
            break;
        }
        columns.retain(|column| column.column != spare || column.column == state.sort);
    }
    columns
}

/// The head of a column, marked if it is the one that is sorted by.
fn head_of(state: &State, column: Column, name: &str) -> String {
    if state.sort == column { format!("{name}▾") } else { name.to_owned() }
}

fn cell(text: &str, style: Style) -> Cell<'static> {
    Cell::from(Line::from(Span::styled(text.to_owned(), style)).right_aligned())
}

fn style(state: &State, function: &Function, column: Column) -> Style {
    match column {
        Column::Errors if function.errors > 0 => alarm(state),
        Column::Panicked if function.panicked > 0 => alarm(state),
        _ => Style::new(),
    }
}

/// How what has failed looks.
fn alarm(state: &State) -> Style {
    if state.output == Output::Coloured {
        Style::new().fg(Color::Red)
    } else {
        Style::new().add_modifier(Modifier::BOLD)
    }
}

/// The end of a path, which tells more than its beginning.
fn end_of(path: &str, width: usize) -> String {
    let length = path.chars().count();
    if length <= width {
        return path.to_owned();
    }
    let rest: String = path.chars().skip(length + 1 - width.max(1)).collect();
    format!("…{rest}")
}

/// Bytes with a unit of 1024.
fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = bytes;
    let mut place = 0;
    while scaled >= 1_024.0 && place + 1 < UNITS.len() {
        scaled /= 1_024.0;
        place += 1;
    }
    if place == 0 { format!("{scaled:.0} B") } else { format!("{} {}", rate(scaled), UNITS[place]) }
}

#[cfg(test)]
mod tests {
    use std::{
        path::Path,
        time::{Duration, UNIX_EPOCH},
    };

    use ratatui::{Terminal, backend::TestBackend};

    use super::*;
    use crate::top::snapshot::Snapshot;

    fn function(path: &str, calls: u64, errors: u64, share: f64) -> Function {
        let p99 = Some(Duration::from_micros(1_500));
        let errors_by_type = if errors > 0 { [(String::from("Timeout"), errors)].into() } else { [].into() };
        Function { path: path.to_owned(), calls, rate: 2.5, errors, errors_by_type, p99, share, ..Function::default() }
    }

    fn state() -> State {
        let mut state = State::new(Path::new("m.db"), Duration::from_mins(5), Duration::from_secs(2));
        let functions = vec![function("etl::load", 9, 0, 0.25), function("etl::Pipeline::parse", 300, 7, 0.75)];
        state.output = Output::Plain;
        state.show(Snapshot {
            taken: Some(UNIX_EPOCH),
            activity: Activity { functions, ..Activity::default() },
            ..Snapshot::default()
        });
        state
    }

    fn frame(state: &State, width: u16, height: u16) -> (Vec<String>, Buffer) {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(state, frame.area(), frame.buffer_mut())).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
        ((0..height).map(line).collect(), buffer)
    }

    #[test]
    fn a_frame_shows_functions_the_selected_one_and_keys() {
        let (lines, _) = frame(&state(), 80, 7);
        assert_eq!(
            lines,
            [
                "monitor top  m.db  last 5m  1970-01-01T00:00:00Z  every 2s",
                "function                       calls rate/s errors panicked p50   p99 max share▾",
                "etl::Pipeline::parse             300    2.5      7        0   - 1.5ms   -  75.0%",
                "etl::load                          9    2.5      0        0   - 1.5ms   -  25.0%",
                "",
                "etl::Pipeline::parse   in flight 0   errors: Timeout 7",
                KEYS,
            ]
            .map(str::to_owned)
        );
    }

    #[test]
    fn errors_are_red_or_bold_and_the_selection_is_reversed() {
        let mut state = state();
        let styles = |state: &State| {
            let (_, buffer) = frame(state, 90, 7);
            let red = buffer.content().iter().filter(|cell| cell.fg == Color::Red).count();
            let reversed = (0..7).filter(|y| buffer[(0, *y)].modifier.contains(Modifier::REVERSED)).collect::<Vec<_>>();
            (red, reversed)
        };
        assert_eq!(styles(&state), (0, vec![2]));
        state.output = Output::Coloured;
        state.selected = 1;
        assert_eq!(styles(&state), (1, vec![3]));
    }

    #[test]
    fn the_machine_and_notices_are_there_if_there_is_something_to_tell() {
        let mut state = state();
        state.snapshot.host = Host {
            cpu: Some(0.421),
            load: [Some(1.5), Some(0.75), Some(0.5)],
            memory: Some(0.5),
            memory_bytes: Some(16.0 * 1_073_741_824.0),
            received: Some(2_048.0),
            fullest: Some((String::from("/var\u{1b}"), 0.97)),
            ..Host::default()
        };
        state.snapshot.notices = (1..=6).map(|number| format!("alert {number}\u{7}")).collect();
        let (lines, buffer) = frame(&state, 100, 14);
        assert_eq!(lines[1], "cpu 42%   load 1.50 0.75 0.50   memory 50% of 16.0 GiB");
        assert_eq!(lines[2], "net in 2.0 KiB/s out -   /var\\u{1b} 97% full");
        assert_eq!(lines[3], "! alert 1\\u{7}");
        assert_eq!(lines[7], "! and 2 more");
        assert!(lines[8].starts_with("function"), "{lines:?}");
        assert!(buffer.content().iter().all(|cell| !cell.symbol().contains(char::is_control)));
    }

    #[test]
    fn what_is_typed_is_seen() {
        let mut state = state();
        state.is_typing = true;
        state.filter = String::from("nothing");
        state.is_paused = true;
        let (lines, _) = frame(&state, 80, 8);
        assert!(lines[0].ends_with("paused"), "{lines:?}");
        assert_eq!(lines[1], "no function matches the filter");
        assert!(lines[7].starts_with("filter: nothing▏"), "{lines:?}");
    }

    #[test]
    fn little_room_leaves_columns_out_and_any_size_can_be_drawn() {
        let mut state = state();
        let (lines, _) = frame(&state, 60, 7);
        let head: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(head, ["function", "calls", "rate/s", "errors", "p99", "share▾"]);
        state.snapshot.activity.functions[1].path = "deep::".repeat(40) + "end";
        let (lines, _) = frame(&state, 60, 7);
        assert!(lines[2].starts_with('…') && lines[2].contains("::end "), "{lines:?}");
        for (width, height) in [(1, 1), (2, 9), (9, 2), (20, 3), (300, 1), (1, 100)] {
            frame(&state, width, height);
        }
        state.selected = 1;
        let (lines, _) = frame(&state, 80, 5);
        assert!(lines[2].starts_with("etl::load"), "the selected row is in sight: {lines:?}");
    }

    #[test]
    fn a_printed_frame_has_no_keys() {
        let mut state = state();
        state.output = Output::Text;
        let text = text(&state, 100);
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(!text.contains("quit") && text.lines().last().unwrap().contains("etl::load"), "{text}");
        state.snapshot.activity.functions.clear();
        assert!(super::text(&state, 100).ends_with("Z\nno function was called in this time\n"));
    }

    #[test]
    fn bytes_are_short() {
        let sizes = [0.0, 1_023.0, 1_536.0, 5e6, 1e18].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.5 KiB", "4.8 MiB", "909495 TiB"]);
    }
}
