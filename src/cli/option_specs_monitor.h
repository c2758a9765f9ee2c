#pragma once

#include "freightliner/cli/option_table.h"

namespace freightliner::cli {

/// The part of the option table about what a run tells of itself.
inline constexpr OptionSpec kMonitorOptions[] = {
    {.name = "report",
     .value_name = "FILE",
     .group = OptionGroup::kMonitor,
     .default_text = "none",
     .help = "Write what became of each tag, and what the run took, to a file, as one JSON document "
             "(docs/STATE_FORMAT.md)."},
    {.name = "stats",
     .kind = OptionKind::kSwitch,
     .group = OptionGroup::kMonitor,
     .help =
         "Print the figures of the run to standard error when it has ended: operations with latencies, connections, "
         "waits, memory, processor."},
    {.name = "report-interval",
     .value_name = "DURATION",
     .kind = OptionKind::kDuration,
     .group = OptionGroup::kMonitor,
     .maximum = 365ULL * 24 * 60 * 60 * 1000,
     .default_value = "5m",
     .help = "How often a long run prints a line on how it is doing to standard error. 0: never. With --progress none "
             "there are none unless this is set."},
    {.name = "metrics-file",
     .value_name = "FILE",
     .group = OptionGroup::kMonitor,
     .default_text = "none",
     .help = "Keep the figures of the run in a file in Prometheus's text format, for node_exporter: replaced every 10 "
             "seconds, and at the end (docs/OBSERVABILITY.md)."},
    {.name = "alert",
     .value_name = "EXPR",
     .group = OptionGroup::kMonitor,
     .repeatable = true,
     .default_text = "none",
     .help = "Warn once, on standard error and in the report, where a threshold is crossed: rss>256MiB, "
             "p99:blob>2s (p50, p90, p99 or max of an operation), error-rate>5%, throughput<10MiB."},
    {.name = "alert-fail",
     .kind = OptionKind::kSwitch,
     .group = OptionGroup::kMonitor,
     .help = "Exit with 15 where an alert was raised in a run that has done its work."},
};

}  // namespace freightliner::cli
