#pragma once

#include <nlohmann/json.hpp>

#include "freightliner/runtime/performance_sampler.h"

namespace freightliner::replicate {

/// What was measured, as the members that a report has below `performance` (docs/STATE_FORMAT.md): operations, system,
/// connections, waits, hosts, buffer_pool, memory, cleanups, alerts.
nlohmann::ordered_json performance_json(const runtime::PerformanceRecord& record);
/// The member `samples`.
nlohmann::ordered_json samples_json(const runtime::SampleSeries& series);

}  // namespace freightliner::replicate
