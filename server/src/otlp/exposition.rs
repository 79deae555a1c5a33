//! The page of `/metrics` as metrics of OTLP, so that both say the same. The page is the server's
//! own: what it never writes, such as exemplars and timestamps, is not read.

use super::message::{
    CUMULATIVE, Data, Gauge, Histogram, HistogramDataPoint, KeyValue, Metric, Number,
    NumberDataPoint, Sum,
};

/// Between when values were counted, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Every metric that has a value.
pub(super) fn read(page: &str, span: Span) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for line in page.lines() {
        match line.strip_prefix("# ") {
            Some(about) => describe(about, &mut metrics),
            None => {
                if let (Some(metric), Some(sample)) = (metrics.last_mut(), Sample::read(line)) {
                    add(metric, &sample, span);
                }
            }
        }
    }
    metrics.retain(|metric| metric.data.as_ref().is_some_and(Data::has_points));
    metrics
}

/// Takes a line of the kind `HELP name text`.
fn describe(about: &str, metrics: &mut Vec<Metric>) {
    let mut words = about.splitn(3, ' ');
    let (Some(what), Some(name), Some(text)) = (words.next(), words.next(), words.next()) else {
        return;
    };
    if metrics.last().is_none_or(|metric| metric.name != name) {
        metrics.push(Metric {
            name: name.to_owned(),
            ..Metric::default()
        });
    }
    let Some(metric) = metrics.last_mut() else {
        return;
    };
    match what {
        "HELP" => metric.description = text.to_owned(),
        "UNIT" => metric.unit = unit(text).to_owned(),
        "TYPE" => metric.data = Data::of_type(text),
        _ => {}
    }
}

/// A unit as OTLP writes it, by UCUM.
fn unit(unit: &str) -> &str {
    match unit {
        "seconds" => "s",
        "milliseconds" => "ms",
        "microseconds" => "us",
        "bytes" => "By",
        other => other,
    }
}

impl Data {
    fn of_type(name: &str) -> Option<Self> {
        match name {
            "gauge" => Some(Self::Gauge(Gauge::default())),
            "counter" => Some(Self::Sum(Sum {
                aggregation_temporality: CUMULATIVE,
                is_monotonic: true,
                ..Sum::default()
            })),
            "histogram" => Some(Self::Histogram(Histogram {
                aggregation_temporality: CUMULATIVE,
                ..Histogram::default()
            })),
            _ => None,
        }
    }

    fn has_points(&self) -> bool {
        match self {
            Self::Gauge(gauge) => !gauge.data_points.is_empty(),
            Self::Sum(sum) => !sum.data_points.is_empty(),
            Self::Histogram(histogram) => !histogram.data_points.is_empty(),
        }
    }
}

/// A line with a value.
struct Sample<'a> {
    name: &'a str,
    labels: Vec<(&'a str, String)>,
    value: &'a str,
}

impl<'a> Sample<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, read_labels(labels.strip_suffix('}')?)?),
            None => (series, Vec::new()),
        };
        Some(Self {
            name,
            labels,
            value,
        })
    }

    fn attributes(&self) -> Vec<KeyValue> {
        let labels = self.labels.iter().filter(|(name, _)| *name != "le");
        labels
            .map(|(name, value)| KeyValue::new(name, value))
            .collect()
    }
}

/// The labels between braces: `a="1",b="2"`.
fn read_labels(mut text: &str) -> Option<Vec<(&str, String)>> {
    let mut labels = Vec::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"")?;
        let (mut value, mut characters) = (String::new(), rest.char_indices());
        let end = loop {
            match characters.next()? {
                (end, '"') => break end,
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.push((name, value));
        let rest = &rest[end + 1..];
        text = rest.strip_prefix(',').unwrap_or(rest);
    }
    Some(labels)
}

fn add(metric: &mut Metric, sample: &Sample<'_>, span: Span) {
    match &mut metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.push(number(sample, span)),
        Some(Data::Sum(sum)) => sum.data_points.push(number(sample, span)),
        Some(Data::Histogram(histogram)) => {
            let part = sample.name.strip_prefix(&metric.name).unwrap_or_default();
            add_part(&mut histogram.data_points, part, sample, span);
        }
        None => {}
    }
}

fn number(sample: &Sample<'_>, span: Span) -> NumberDataPoint {
    let whole = sample.value.parse().map(Number::AsInt);
    let value = whole.or_else(|_| sample.value.parse().map(Number::AsDouble));
    NumberDataPoint {
        attributes: sample.attributes(),
        start_time_unix_nano: span.start,
        time_unix_nano: span.end,
        value: value.ok(),
    }
}

/// Takes a line of a histogram into the point of its labels, which is the last one or a new one.
fn add_part(points: &mut Vec<HistogramDataPoint>, part: &str, sample: &Sample<'_>, span: Span) {
    let attributes = sample.attributes();
    if points
        .last()
        .is_none_or(|point| point.attributes != attributes)
    {
        points.push(HistogramDataPoint {
            attributes,
            start_time_unix_nano: span.start,
            time_unix_nano: span.end,
            ..HistogramDataPoint::default()
        });
    }
    let Some(point) = points.last_mut() else {
        return;
    };
    match part {
        "_sum" => point.sum = sample.value.parse().ok(),
        "_count" => point.count = sample.value.parse().unwrap_or_default(),
        "_bucket" => {
            // The page counts all up to the bound; OTLP counts each bucket alone.
            let below: u64 = point.bucket_counts.iter().sum();
            let up_to: u64 = sample.value.parse().unwrap_or_default();
            point.bucket_counts.push(up_to.saturating_sub(below));
            let bound = sample.labels.iter().find(|(name, _)| *name == "le");
            let bound = bound.and_then(|(_, bound)| bound.parse::<f64>().ok());
            point
                .explicit_bounds
                .extend(bound.filter(|bound| bound.is_finite()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Span = Span { start: 1, end: 2 };

    #[test]
    fn a_page_is_read_as_it_was_counted() {
        let page = "# HELP h_a Some \"text\".\n# TYPE h_a gauge\n# UNIT h_a bytes\nh_a 7\n\
                    # HELP h_b B.\n# TYPE h_b counter\nh_b_total{x=\"1\",y=\"a \\\"}\\\\,\"} 1.5\n\
                    # HELP h_none None.\n# TYPE h_none counter\n# EOF\n";
        let metrics = read(page, SPAN);
        let [a, b] = &metrics[..] else {
            panic!("{metrics:?}");
        };
        assert_eq!((a.name.as_str(), a.unit.as_str()), ("h_a", "By"));
        assert_eq!(a.description, "Some \"text\".");
        let Some(Data::Gauge(gauge)) = &a.data else {
            panic!("{a:?}");
        };
        assert_eq!(gauge.data_points[0].value, Some(Number::AsInt(7)));
        let Some(Data::Sum(sum)) = &b.data else {
            panic!("{b:?}");
        };
        assert!(sum.is_monotonic);
        let point = &sum.data_points[0];
        let labels = [KeyValue::new("x", "1"), KeyValue::new("y", "a \"}\\,")];
        assert_eq!(point.attributes, labels);
        assert_eq!(point.value, Some(Number::AsDouble(1.5)));
        assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (1, 2));
    }

    #[test]
    fn a_histogram_counts_each_bucket_alone() {
        let page = "# TYPE h histogram\nh_sum{c=\"x\"} 3.5\nh_count{c=\"x\"} 6\n\
                    h_bucket{le=\"0.5\",c=\"x\"} 1\nh_bucket{le=\"1.0\",c=\"x\"} 4\n\
                    h_bucket{le=\"+Inf\",c=\"x\"} 6\nh_sum{c=\"y\"} 0.0\nh_count{c=\"y\"} 0\n";
        let metrics = read(page, SPAN);
        let Some(Data::Histogram(histogram)) = &metrics[0].data else {
            panic!("{metrics:?}");
        };
        let [x, y] = &histogram.data_points[..] else {
            panic!("{histogram:?}");
        };
        assert_eq!((x.count, x.sum), (6, Some(3.5)));
        assert_eq!(x.bucket_counts, [1, 3, 2]);
        assert_eq!(x.explicit_bounds, [0.5, 1.0]);
        assert_eq!(x.attributes, [KeyValue::new("c", "x")]);
        assert_eq!((y.count, y.sum), (0, Some(0.0)));
    }
}
