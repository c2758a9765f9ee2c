#include <fmt/format.h>

#include "cli/arguments.h"
#include "cli/json_text.h"
#include "cli/reference_text.h"
#include "cli/voice.h"
#include "freightliner/base/date.h"
#include "freightliner/base/text.h"
#include "freightliner/cli/exit_codes.h"
#include "freightliner/replicate/checkpoint.h"

namespace freightliner::cli {
namespace {

using replicate::CheckpointContents;

std::string render_text(const CheckpointContents& contents) {
  std::string text = fmt::format("{} → {}, begun {}, {} tag{} finished{}\n", printable(contents.source, 512),
                                 printable(contents.destination, 512), date_text(contents.created),
                                 contents.entries.size(), contents.entries.size() == 1 ? "" : "s",
                                 contents.torn ? "; the last line broke off with its writer" : "");
  for (const replicate::CheckpointEntry& entry : contents.entries) {
    text += fmt::format("{}  {}:{}  {}\n", date_text(entry.finished), printable(entry.repository, 512),
                        printable(entry.tag, 256), entry.digest.to_string());
  }
  for (const replicate::CheckpointUpload& upload : contents.uploads) {
    text += fmt::format("{}  open upload {}@{}, {} of {} bytes confirmed\n", date_text(upload.noted),
                        printable(upload.repository, 512), upload.digest.to_string(), upload.offset, upload.size);
  }
  return text;
}

std::string render_json(const CheckpointContents& contents) {
  Json document;
  document["source"] = contents.source;
  document["destination"] = contents.destination;
  document["selection"] = contents.selection_digest;
  document["created"] = date_text(contents.created);
  document["torn"] = contents.torn;
  document["entries"] = Json::array();
  for (const replicate::CheckpointEntry& entry : contents.entries) {
    Json line;
    line["repository"] = entry.repository;
    line["tag"] = entry.tag;
    line["digest"] = entry.digest.to_string();
    line["finished"] = date_text(entry.finished);
    document["entries"].push_back(std::move(line));
  }
  document["uploads"] = Json::array();
  for (const replicate::CheckpointUpload& upload : contents.uploads) {
    Json line;
    line["repository"] = upload.repository;
    line["digest"] = upload.digest.to_string();
    line["size"] = upload.size;
    line["offset"] = upload.offset;
    line["noted"] = date_text(upload.noted);
    document["uploads"].push_back(std::move(line));
  }
  return json_text(document) + "\n";
}

Status clear(const std::string& file, const Voice& voice) {
  // A damaged one is cleared as well: then nobody can tell.
  const auto contents = replicate::read_checkpoint(file);
  if (Status cleared = replicate::clear_checkpoint(file); !cleared) {
    return fail(input_error(std::move(cleared).error()));
  }
  if (!contents || contents->uploads.empty()) return {};
  const std::size_t open = contents->uploads.size();
  write_progress(voice.terminal, voice.log_format,
                 fmt::format("{} open upload{} the registry until it drops {}: nothing was cancelled there", open,
                             open == 1 ? " stays at" : "s stay at", open == 1 ? "it" : "them"));
  return {};
}

Result<std::string> carry_out(const std::vector<std::string>& operands, const Voice& voice) {
  if (operands.size() != 2 || (operands[0] != "show" && operands[0] != "clear")) {
    return fail(ErrorCode::kUsage, "checkpoint takes show FILE, or clear FILE");
  }
  if (operands[0] == "clear") {
    FL_CHECK(clear(operands[1], voice));
    return std::string();
  }
  auto contents = replicate::read_checkpoint(operands[1]);
  if (!contents) return fail(input_error(std::move(contents).error()));
  return voice.json_output ? render_json(*contents) : render_text(*contents);
}

}  // namespace

int run_checkpoint(const CommandContext& context) {
  const Voice guess = guess_voice(context);
  const auto arguments = parse_arguments(kCheckpointCommand, context.arguments);
  if (!arguments) return report_usage(guess, arguments.error());
  if (arguments->help) return print_result(context.terminal, command_help(*find_command("checkpoint")));
  const auto settings = Settings::resolve(kCheckpointCommand, *arguments, context.environment);
  if (!settings) return report_usage(guess, settings.error());
  const Voice voice = voice_of(*settings, context.terminal);
  const auto text = carry_out(arguments->operands, voice);
  if (!text) return report_usage(voice, text.error());
  return report_result(voice, *text, kExitDone);
}

}  // namespace freightliner::cli
