# Thin: each target is one `lab` call. `make` alone lists them.
# Variables become options of the command: make lab-run ROWS=100 · make lab-down PURGE=1

LAB := sh lab/bootstrap.sh
LAB_DEV := sh lab/bootstrap.sh --dev
BIN := .lab/environments/lab/bin

# What a person may set. TEXT reaches the shell as typed, through the environment: `$`, quotes and spaces included.
TEXT := AIRFLOW_CHART ALLOWED_SIGNERS BRANCH BUNDLE CLUSTER COMMAND DATASET DELETE_BUCKET FILE FROM OUTPUT RUN SERVICE SIGN TASK UNTIL VERSION
OTHER := AT_ONCE DAGS DELETE DOWN ENGINE FIRST FOLLOW HYPOTHESIS_WRITERS IMAGES JSON KEEP LINES MAX_ACTIVE_RUNS \
	OLDER_THAN PLAN PURGE PYTEST QUARANTINE_DAYS RELOCK REPLAY RESTORE ROTATE ROUNDS ROWS SCENARIOS SEED TIMINGS VERIFY WAIT
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
UNKNOWN := $(filter-out $(TEXT) $(OTHER) LAB_% MAKE% SHELL,$(GIVEN))
ifneq ($(UNKNOWN),)
HINT := $(shell python3 lab/make_variables.py $(UNKNOWN) -- $(TEXT) $(OTHER) 2> /dev/null)
$(error unknown variable: $(strip $(or $(HINT),$(UNKNOWN))). `make` lists the variables; one for a program of the lab goes before make: NAME=value make …)
endif
# By `value`, because make would expand a `$` in the text; exported if set, because a shell of the lab inherits it.
$(foreach name,$(TEXT),$(if $(filter undefined,$(origin $(name))),,$(eval override $(name) := $$(value $(name)))$(eval export $(name))))
# Settings by their short names; see docs/settings.md
export LAB_ENGINE := $(or $(ENGINE),$(value LAB_ENGINE))
export LAB_IMAGES__SOURCE := $(or $(IMAGES),$(value LAB_IMAGES__SOURCE))
export LAB_AIRFLOW__MAX_ACTIVE_RUNS := $(or $(MAX_ACTIVE_RUNS),$(value LAB_AIRFLOW__MAX_ACTIVE_RUNS))
export LAB_AIRFLOW__DAGS := $(or $(DAGS),$(value LAB_AIRFLOW__DAGS))
export LAB_AIRFLOW__CHART := $(or $(AIRFLOW_CHART),$(value LAB_AIRFLOW__CHART))
.DEFAULT_GOAL := help
TARGETS := $(shell sed -n 's/^\([a-z0-9-]*\):.*\#\# .*/\1/p' $(firstword $(MAKEFILE_LIST)))
.PHONY: $(TARGETS)
.DEFAULT:
	@hint=$$(python3 lab/make_variables.py '$@' -- $(TARGETS) 2> /dev/null) || hint='$@'; \
	echo "error: unknown target: $$hint" >&2; echo 'hint: make lists the targets' >&2; exit 2

##@ The lab
lab-up:          ## Bring the lab up, or resume where an earlier attempt stopped (ENGINE=auto|local|kind, BUNDLE=file, ALLOWED_SIGNERS=file, TIMINGS=1, JSON=1)
	@$(LAB) up $(if $(BUNDLE),--bundle "$$BUNDLE") $(if $(ALLOWED_SIGNERS),--allowed-signers "$$ALLOWED_SIGNERS") \
	$(if $(TIMINGS),--timings) $(if $(JSON),--json)
lab-install:     ## Fetch and install everything that lab-up needs, and start nothing
	@$(LAB) install
lab-bundle:      ## Write one file from which lab-up needs no network (OUTPUT=file, SIGN=key, ENGINE=local: without images)
	@$(LAB) bundle $(if $(OUTPUT),"$$OUTPUT") $(if $(filter local,$(ENGINE)),--engine local) $(if $(SIGN),--sign "$$SIGN")
lab-down:        ## Stop everything that it runs; PURGE=1 removes its data too
	@$(LAB) down $(if $(PURGE),--purge)
lab-status:      ## Each service with its health, and the URLs (WAIT=1: until all is healthy, or WAIT=seconds; JSON=1)
	@$(LAB) status $(if $(WAIT),--wait) $(if $(filter-out 1,$(WAIT)),--limit $(WAIT)) $(if $(JSON),--json)
lab-doctor:      ## What is missing, left over or wrong, and what to do (JSON=1)
	@$(LAB) doctor $(if $(JSON),--json)
lab-logs:        ## Logs of all services; SERVICE=name, FOLLOW=1, LINES=n; RUN=id|latest, TASK=name for a run's
	@$(LAB) logs $(if $(SERVICE),"$$SERVICE") $(if $(RUN),--run "$$RUN") $(if $(TASK),--task "$$TASK") $(if $(LINES),-n $(LINES)) $(if $(FOLLOW),-f)
lab-shell:       ## A shell in which git, dvc, airflow and aws reach the lab (COMMAND="aws s3 ls")
	@$(LAB) shell $(if $(COMMAND),-- sh -c "$$COMMAND")

lab-secrets:     ## List the generated secrets; ROTATE=1 replaces all, ROTATE="name name" these (JSON=1)
	@$(LAB) secrets $(if $(ROTATE),rotate $(filter-out 1,$(ROTATE)),list $(if $(JSON),--json))
lab-images:      ## List the images of ENGINE=kind: reference, source, id, size (JSON=1)
	@$(LAB) images $(if $(JSON),--json)
images:          ## Get the images that are missing (IMAGES=auto|pull|build|bundle; RELOCK=1: record the digests of pulled ones again)
	@$(LAB) images --ensure $(if $(RELOCK),--relock)

##@ Data versions
lab-run:         ## Run the pipeline and print the new data version (ROWS=1, DATASET=path, BRANCH=name, JSON=1)
	@$(LAB) run $(if $(ROWS),--rows $(ROWS)) $(if $(DATASET),--dataset "$$DATASET") $(if $(BRANCH),--branch "$$BRANCH") $(if $(JSON),--json)
lab-history:     ## List the data versions; VERSION=n shows one with its receipt and rows (BRANCH=name, JSON=1)
	@$(LAB) history $(if $(VERSION),"$$VERSION") $(if $(BRANCH),--branch "$$BRANCH") $(if $(JSON),--json)
lab-verify:      ## Check every version from a fresh clone: pointer, object, data, receipt, run (VERSION=n, BRANCH=name)
	@$(LAB) verify $(if $(VERSION),"$$VERSION") $(if $(BRANCH),--branch "$$BRANCH") $(if $(JSON),--json)
lab-reproduce:   ## Write the file of VERSION=n, byte for byte; REPLAY=1 derives it again (OUTPUT=file)
	@$(if $(VERSION),,echo 'error: VERSION is not set' >&2; echo 'hint: make lab-reproduce VERSION=1' >&2; exit 2;) \
	$(LAB) reproduce "$$VERSION" $(if $(REPLAY),--replay) $(if $(OUTPUT),--output "$$OUTPUT")
lab-report:      ## Write one HTML page of all versions: timeline, table, links (OUTPUT=file, BRANCH=name, VERIFY=0)
	@$(LAB) report $(if $(OUTPUT),--output "$$OUTPUT") $(if $(BRANCH),--branch "$$BRANCH") $(if $(filter 0,$(VERIFY)),--no-verify)
lab-repair:      ## Restore what the bucket lacks, from caches, volumes or replays (FROM=folder to search too, JSON=1)
	@$(LAB) repair $(if $(FROM),--from "$$FROM") $(if $(JSON),--json)
lab-gc:          ## List the objects that no commit names; DELETE=1 quarantines, later deletes them (OLDER_THAN=60 minutes, QUARANTINE_DAYS=7, JSON=1)
	@$(LAB) gc $(if $(DELETE),--delete) $(if $(OLDER_THAN),--older-than $(OLDER_THAN)) \
	$(if $(QUARANTINE_DAYS),--quarantine-days $(QUARANTINE_DAYS)) $(if $(JSON),--json)

##@ Amazon EKS
eks-plan:        ## What eks.toml would make, change or delete; nothing is changed (DOWN=1, JSON=1, FILE=eks.toml)
	@$(LAB) eks plan $(if $(FILE),--file "$$FILE") $(if $(DOWN),--down) $(if $(JSON),--json)
eks-up:          ## Make it, or resume where an earlier attempt stopped (FILE=eks.toml, UNTIL=cluster)
	@$(LAB) eks up $(if $(FILE),--file "$$FILE") $(if $(UNTIL),--until "$$UNTIL")
eks-down:        ## Delete what carries the lab's tag (CLUSTER=name instead of the question, DELETE_BUCKET=name)
	@$(LAB) eks down $(if $(FILE),--file "$$FILE") $(if $(CLUSTER),--cluster "$$CLUSTER") \
	$(if $(DELETE_BUCKET),--delete-bucket "$$DELETE_BUCKET")
eks-run:         ## Run the pipeline there and print the new data version (ROWS=1, DATASET=path, BRANCH=name, JSON=1)
	@$(LAB) eks run $(if $(FILE),--file "$$FILE") $(if $(ROWS),--rows $(ROWS)) $(if $(DATASET),--dataset "$$DATASET") \
	$(if $(BRANCH),--branch "$$BRANCH") $(if $(JSON),--json)

parity:          ## Every difference between the lab on kind and on EKS; fails on one without a reason (FILE=eks.toml, JSON=1)
	@$(LAB) parity $(if $(FILE),--settings "$$FILE") $(if $(JSON),--json)

##@ Development
# One session for all suites, so that one runs while another waits. The longest start first. moto has one state per
# process, and tests/policy resets it: tests/hostile, which keeps its own, comes after it.
SUITES := $(addprefix tests/,integration writers localstack policy hostile unit)
LOCALSTACK = LAB_LOCALSTACK_PYTHON=$(CURDIR)/.lab/environments/localstack/bin/python
test: lint       ## Everything that needs no container engine
	@LAB_ENGINE=local $(LAB_DEV) install localstack worker airflow && $(LOCALSTACK) \
	$(BIN)/python -m pytest $(SUITES) --numprocesses 3 --dist loadscope --no-loadscope-reorder $(PYTEST)
test-unit:       ## Unit tests, on every core
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/unit --numprocesses auto $(PYTEST)
test-render:     ## What would be applied to a cluster: manifests and Airflow's chart, rendered by the lab's kubectl and helm
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/render $(PYTEST)
test-localstack: ## The durable bucket and its signatures, on a real LocalStack that is killed and attacked
	@LAB_ENGINE=local $(LAB_DEV) install localstack worker airflow && $(LOCALSTACK) \
	$(BIN)/python -m pytest tests/localstack $(PYTEST)
test-writers:    ## Parallel runs that are killed at any line, with real Git, DVC and S3 (HYPOTHESIS_WRITERS=thorough)
	@LAB_ENGINE=local $(LAB_DEV) install localstack worker && $(LOCALSTACK) \
	$(BIN)/python -m pytest tests/writers $(PYTEST)
test-hostile:    ## Repositories, commits, parameters and files that try to execute or to leave their folder
	@LAB_ENGINE=local $(LAB_DEV) install worker && $(BIN)/python -m pytest tests/hostile --numprocesses auto $(PYTEST)
test-policy:     ## What the role on EKS may and may not do: real DVC and Airflow against an S3 that enforces IAM
	@LAB_ENGINE=local $(LAB_DEV) install worker airflow && $(BIN)/python -m pytest tests/policy $(PYTEST)
test-integration: ## Real labs on the local engine, two at a time, each in its own checkout
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/integration --numprocesses 2 --dist loadscope --no-loadscope-reorder $(PYTEST)
test-browser:    ## The lineage report, and a hostile page against a lab, in a real browser (needs Chromium: .ci/browser installs it)
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/browser $(PYTEST)
test-containers: ## Gitea, LocalStack and the worker's image in separate containers (needs Docker and its Compose)
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/containers $(PYTEST)
test-e2e:        ## The lab on a real kind cluster, images built or pulled as needed (needs Docker; minutes)
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/e2e $(PYTEST)
test-kind: test-render test-containers test-e2e  ## Everything that needs a container engine
test-thorough:   ## What the other tests check on a smaller scale: minutes to an hour more (CONTRIBUTING.md lists it)
	@$(MAKE) --no-print-directory test-writers HYPOTHESIS_WRITERS=thorough
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/e2e -m thorough $(PYTEST)
lint:            ## ruff, mypy, and the words of tests/lint/words.toml
	@$(LAB_DEV) --help > /dev/null && $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy \
	&& $(BIN)/python -m tests.lint.words
lint-fix:        ## Let ruff fix what it can
	@$(LAB_DEV) --help > /dev/null && $(BIN)/ruff check --fix . && $(BIN)/ruff format .
drill:           ## Run the pipeline while processes are killed and services are down, then check every promise (ROUNDS=60, SEED=1, FIRST=1, AT_ONCE=1, KEEP=1, PLAN=1, JSON=1)
	@$(LAB) drill $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(FIRST),--first $(FIRST)) $(if $(AT_ONCE),--at-once $(AT_ONCE)) \
	$(if $(KEEP),--keep) $(if $(PLAN),--plan) $(if $(RESTORE),--restore) $(if $(JSON),--json)
bench:           ## Measure, print and store a table of times and memory (minutes; SCENARIOS="warm kind-up")
	@$(LAB_DEV) bench $(SCENARIOS)
audit:           ## Known vulnerabilities of all locked Python packages; needs PyPI (JSON=1)
	@$(LAB) audit $(if $(JSON),--json)
lock:            ## Write the locks again from pyproject.toml and lab/pins.toml
	@$(LAB_DEV) lock
notice:          ## Write NOTICE: the licences of what bundles and images contain (after make lock)
	@$(LAB_DEV) notice
clean: lab-down  ## Stop the lab and remove .lab/ completely
	@rm -rf .lab

help:            ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} \
	/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
