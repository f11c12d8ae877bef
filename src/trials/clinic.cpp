#include "trials/clinic.hpp"

#include <algorithm>
#include <iterator>
#include <memory>

namespace reluscope {

bool Clinic::run(const std::vector<Course*>& courses, std::uint64_t first, std::int64_t count, double share) {
  struct Place {
    Course* course;
    std::size_t trial;
    bool begins;
    double length;
  };
  std::vector<Job> jobs;
  std::vector<Place> places;
  for (Course* course : courses) {
    const std::size_t before = course->trials.size();
    const double share_before = before > 0 ? course->share : 0.0;
    const std::size_t wanted = std::max(before, static_cast<std::size_t>(count));
    course->trials.resize(wanted);
    course->paused.resize(wanted);
    course->share = share;
    ++course->rounds;
    for (std::size_t at = 0; at < static_cast<std::size_t>(count); ++at) {
      const bool begins = at >= before;
      if (!begins && (course->paused[at] == nullptr || share_before >= share)) continue;
      Job& job = jobs.emplace_back();
      job.number = std::ssize(jobs) - 1;
      job.overrides = overrides_;
      job.overrides.insert(job.overrides.end(), course->treatment.changes.begin(), course->treatment.changes.end());
      job.seed = first + at;
      if (begins && share < 1.0) course->paused[at] = std::make_shared<PausedRun>();
      job.stint = {share, course->paused[at], true};
      places.push_back({course, at, begins, begins ? share : share - share_before});
    }
  }
  run_fleet(source_, jobs, threads_, stop_, [&](const Job& job, const Trial& trial) {
    const Place& place = places[static_cast<std::size_t>(job.number)];
    place.course->trials[place.trial] = trial;
    // Over, or hopeless: there is no going on.
    if (trial.whole || trial.lost) place.course->paused[place.trial].reset();
    done_.runs += place.begins ? 1 : 0;
    done_.length += place.length;
    steps_ += trial.steps_made;
    listener_.advance(trial, done_);
  });
  return stop_ == nullptr || *stop_ == 0;
}

}  // namespace reluscope
