//! Draws recall against queries per second as an SVG that is readable on light and dark pages.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 50.0;
const MARGIN: f64 = 20.0;

/// Draws the points: recall on the horizontal axis, queries per second on a logarithmic vertical axis.
pub fn curve(points: &[(f64, f64)], k: usize) -> String {
    let low_recall = points.iter().map(|p| p.0).fold(1.0, f64::min);
    let low_recall = ((low_recall * 20.0).floor() / 20.0).min(0.95);
    let decade = |qps: f64| qps.max(1.0).log10();
    let low = points.iter().map(|p| decade(p.1)).fold(f64::INFINITY, f64::min).floor();
    let high = points.iter().map(|p| decade(p.1)).fold(low + 1.0, f64::max).ceil();
    let x =
        |recall: f64| LEFT + (recall - low_recall) / (1.0 - low_recall) * (WIDTH - LEFT - MARGIN);
    let y = |qps: f64| {
        HEIGHT - BOTTOM - (decade(qps) - low) / (high - low) * (HEIGHT - BOTTOM - MARGIN)
    };

    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="12">
<style>text {{ fill: #555 }} .grid {{ stroke: #8884 }} @media (prefers-color-scheme: dark) {{ text {{ fill: #bbb }} }}</style>
"##
    );
    for step in 0..=5 {
        let recall = low_recall + (1.0 - low_recall) * f64::from(step) / 5.0;
        let (at, top, bottom) = (x(recall), MARGIN, HEIGHT - BOTTOM);
        let _ = writeln!(
            svg,
            r#"<path class="grid" d="M{at:.1} {top}V{bottom}"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{recall:.3}</text>"#,
            bottom + 18.0
        );
    }
    let mut power = low;
    while power <= high {
        let at = y(10_f64.powf(power));
        let _ = writeln!(
            svg,
            r#"<path class="grid" d="M{LEFT} {at:.1}H{}"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"#,
            WIDTH - MARGIN,
            LEFT - 8.0,
            at + 4.0,
            crate::show::count(10_f64.powf(power) as u64)
        );
        power += 1.0;
    }
    let path: Vec<String> = points.iter().map(|p| format!("{:.1} {:.1}", x(p.0), y(p.1))).collect();
    let _ = writeln!(
        svg,
        r##"<path d="M{}" fill="none" stroke="#2a7de1" stroke-width="2"/>"##,
        path.join("L")
    );
    for (recall, qps) in points {
        let _ = writeln!(
            svg,
            r##"<circle cx="{:.1}" cy="{:.1}" r="3.5" fill="#2a7de1"/>"##,
            x(*recall),
            y(*qps)
        );
    }
    let _ = writeln!(
        svg,
        r#"<text x="{}" y="{}" text-anchor="middle">recall@{k}</text>"#,
        (LEFT + WIDTH - MARGIN) / 2.0,
        HEIGHT - 10.0
    );
    let _ = writeln!(
        svg,
        r#"<text transform="translate(16 {}) rotate(-90)" text-anchor="middle">queries per second</text>
</svg>"#,
        (HEIGHT - BOTTOM + MARGIN) / 2.0
    );
    svg
}
