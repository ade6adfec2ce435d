// Audits the file that it is given with a daemon of its own, and prints the verdict.
#include <loadlock/client.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  auto daemon = loadlock::client::PrivateDaemon::Start();
  if (!daemon.ok() || !daemon->AwaitReady(absl::Seconds(30)).ok()) return 3;
  auto client = loadlock::client::Client::Connect("unix:" + daemon->socket_path());
  if (!client.ok()) return 4;
  loadlock::v1::AuditModelRequest request;
  request.set_path(argv[1]);
  const auto answer = client->Audit(request);
  if (!answer.ok()) {
    std::cerr << answer.status() << "\n";
    return 5;
  }
  std::cout << loadlock::v1::Verdict_Name(answer->report().verdict()) << "\n";
  return 0;
}
