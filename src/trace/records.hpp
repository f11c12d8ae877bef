#pragma once
// The records of a run, a header per table.

#include "trace/census_record.hpp"
#include "trace/evaluation_record.hpp"
#include "trace/event_record.hpp"
#include "trace/feature_record.hpp"
#include "trace/histogram_record.hpp"
#include "trace/layer_record.hpp"
#include "trace/site_record.hpp"
#include "trace/step_record.hpp"
#include "trace/theory_record.hpp"
#include "trace/unit_record.hpp"
