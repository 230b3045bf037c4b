# Thin: each target is one `lab` call. `make` alone lists them, `make help-all` with their variables.
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
$(error unknown variable: $(strip $(or $(HINT),$(UNKNOWN))). `make help-all` lists the variables; one for a program of the lab goes before make: NAME=value make …)
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
	echo "error: unknown target: $$hint" >&2; echo 'hint: make help-all lists the targets' >&2; exit 2

##@ The lab
lab-up:          ## Bring the lab up, or resume where an earlier attempt stopped (ENGINE=auto|local|kind, BUNDLE=file, ALLOWED_SIGNERS=file, MAX_ACTIVE_RUNS=4, TIMINGS=1, JSON=1)
	@$(LAB) up $(if $(BUNDLE),--bundle "$$BUNDLE") $(if $(ALLOWED_SIGNERS),--allowed-signers "$$ALLOWED_SIGNERS") \
	$(if $(TIMINGS),--timings) $(if $(JSON),--json)
lab-install:     ## Fetch and install what lab-up needs, and start nothing (ENGINE=local|kind, AIRFLOW_CHART=file, DAGS=bundle|gitsync)
	@$(LAB) install
lab-bundle:      ## Write one file from which lab-up needs no network (OUTPUT=file, SIGN=key, ENGINE=local: without images)
	@$(LAB) bundle $(if $(OUTPUT),"$$OUTPUT") $(if $(filter local,$(ENGINE)),--engine local) $(if $(SIGN),--sign "$$SIGN")
lab-down:        ## Stop all services; data stays (PURGE=1: remove all data, pushed DAGs included)
	@$(LAB) down $(if $(PURGE),--purge)
lab-status:      ## Show the health of each service, and the URLs (WAIT=1: until all is healthy, WAIT=seconds, JSON=1)
	@$(LAB) status $(if $(WAIT),--wait) $(if $(filter-out 1,$(WAIT)),--limit $(WAIT)) $(if $(JSON),--json)
lab-doctor:      ## Show what is missing, left over or wrong, and what to do (JSON=1)
	@$(LAB) doctor $(if $(JSON),--json)
lab-logs:        ## Show the logs of all services, of one, or of a run (SERVICE=name, FOLLOW=1, LINES=n, RUN=id|latest, TASK=name)
	@$(LAB) logs $(if $(SERVICE),"$$SERVICE") $(if $(RUN),--run "$$RUN") $(if $(TASK),--task "$$TASK") $(if $(LINES),-n $(LINES)) $(if $(FOLLOW),-f)
lab-shell:       ## Open a shell in which git, dvc, airflow and aws reach the lab (COMMAND="aws s3 ls")
	@$(LAB) shell $(if $(COMMAND),-- sh -c "$$COMMAND")

lab-secrets:     ## List the generated secrets, or replace them (ROTATE=1: all, ROTATE="name name": these, JSON=1)
	@$(LAB) secrets $(if $(ROTATE),rotate $(filter-out 1,$(ROTATE)),list $(if $(JSON),--json))
lab-images:      ## List the images of ENGINE=kind: reference, source, id, size (JSON=1)
	@$(LAB) images $(if $(JSON),--json)
images:          ## Get the images that are missing (IMAGES=auto|pull|build|bundle, RELOCK=1: record the digests of pulled ones again)
	@$(LAB) images --ensure $(if $(RELOCK),--relock)

##@ Data versions
lab-run:         ## Run the pipeline and print the new data version (ROWS=1, DATASET=path, BRANCH=name, JSON=1)
	@$(LAB) run $(if $(ROWS),--rows $(ROWS)) $(if $(DATASET),--dataset "$$DATASET") $(if $(BRANCH),--branch "$$BRANCH") $(if $(JSON),--json)
lab-history:     ## List the data versions, or show one (VERSION=n, BRANCH=name, JSON=1)
	@$(LAB) history $(if $(VERSION),"$$VERSION") $(if $(BRANCH),--branch "$$BRANCH") $(if $(JSON),--json)
lab-verify:      ## Check every data version from a fresh clone (VERSION=n, BRANCH=name, JSON=1)
	@$(LAB) verify $(if $(VERSION),"$$VERSION") $(if $(BRANCH),--branch "$$BRANCH") $(if $(JSON),--json)
lab-reproduce:   ## Write the file of a data version, byte for byte (VERSION=n, REPLAY=1: derive it again, OUTPUT=file)
	@$(if $(VERSION),,echo 'error: VERSION is not set' >&2; echo 'hint: make lab-reproduce VERSION=1' >&2; exit 2;) \
	$(LAB) reproduce "$$VERSION" $(if $(REPLAY),--replay) $(if $(OUTPUT),--output "$$OUTPUT")
lab-report:      ## Write one HTML page of all data versions (OUTPUT=file, BRANCH=name, VERIFY=0)
	@$(LAB) report $(if $(OUTPUT),--output "$$OUTPUT") $(if $(BRANCH),--branch "$$BRANCH") $(if $(filter 0,$(VERIFY)),--no-verify)
lab-repair:      ## Restore what the bucket lacks from caches, volumes or replays (FROM=folder to search too, JSON=1)
	@$(LAB) repair $(if $(FROM),--from "$$FROM") $(if $(JSON),--json)
lab-gc:          ## List the objects that no commit names, or remove them (DELETE=1: quarantine, later delete, OLDER_THAN=60 minutes, QUARANTINE_DAYS=7, JSON=1)
	@$(LAB) gc $(if $(DELETE),--delete) $(if $(OLDER_THAN),--older-than $(OLDER_THAN)) \
	$(if $(QUARANTINE_DAYS),--quarantine-days $(QUARANTINE_DAYS)) $(if $(JSON),--json)

##@ Amazon EKS
eks-plan:        ## Show what eks.toml would make or change; change nothing (DOWN=1: what would be deleted, JSON=1, FILE=eks.toml)
	@$(LAB) eks plan $(if $(FILE),--file "$$FILE") $(if $(DOWN),--down) $(if $(JSON),--json)
eks-up:          ## Make it, or resume where an earlier attempt stopped (FILE=eks.toml, UNTIL=cluster)
	@$(LAB) eks up $(if $(FILE),--file "$$FILE") $(if $(UNTIL),--until "$$UNTIL")
eks-down:        ## Delete what carries the lab's tag (CLUSTER=name instead of the question, DELETE_BUCKET=name, FILE=eks.toml)
	@$(LAB) eks down $(if $(FILE),--file "$$FILE") $(if $(CLUSTER),--cluster "$$CLUSTER") \
	$(if $(DELETE_BUCKET),--delete-bucket "$$DELETE_BUCKET")
eks-run:         ## Run the pipeline there and print the new data version (ROWS=1, DATASET=path, BRANCH=name, JSON=1, FILE=eks.toml)
	@$(LAB) eks run $(if $(FILE),--file "$$FILE") $(if $(ROWS),--rows $(ROWS)) $(if $(DATASET),--dataset "$$DATASET") \
	$(if $(BRANCH),--branch "$$BRANCH") $(if $(JSON),--json)

parity:          ## List the differences between the lab on kind and on EKS (FILE=eks.toml, JSON=1)
	@$(LAB) parity $(if $(FILE),--settings "$$FILE") $(if $(JSON),--json)

##@ Development
# One session for all suites, so that one runs while another waits. The longest start first. moto has one state per
# process, and tests/policy resets it: tests/hostile, which keeps its own, comes after it.
SUITES := $(addprefix tests/,integration writers localstack policy hostile airflow_seams unit)
LOCALSTACK = LAB_LOCALSTACK_PYTHON=$(CURDIR)/.lab/environments/localstack/bin/python
test: lint       ## Run everything that needs no container engine (PYTEST="-k name", as for the others)
	@LAB_ENGINE=local $(LAB_DEV) install localstack worker airflow && $(LOCALSTACK) \
	$(BIN)/python -m pytest $(SUITES) --numprocesses 3 --dist loadscope --no-loadscope-reorder $(PYTEST)
test-unit:       ## Run the unit tests, on every core
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/unit --numprocesses auto $(PYTEST)
test-render:     ## Test what is applied to a cluster, rendered by kubectl and helm
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/render $(PYTEST)
test-localstack: ## Test the durable bucket and its signatures on a real LocalStack
	@LAB_ENGINE=local $(LAB_DEV) install localstack worker airflow && $(LOCALSTACK) \
	$(BIN)/python -m pytest tests/localstack $(PYTEST)
test-airflow:    ## Test what the lab assumes about Airflow (docs/airflow-upgrade.md)
	@LAB_ENGINE=local $(LAB_DEV) install airflow && $(BIN)/python -m pytest tests/airflow_seams $(PYTEST)
test-writers:    ## Run crash tests of concurrent writers (HYPOTHESIS_WRITERS=thorough)
	@LAB_ENGINE=local $(LAB_DEV) install localstack worker && $(LOCALSTACK) \
	$(BIN)/python -m pytest tests/writers $(PYTEST)
test-hostile:    ## Test hostile repositories, commits, parameters and files
	@LAB_ENGINE=local $(LAB_DEV) install worker && $(BIN)/python -m pytest tests/hostile --numprocesses auto $(PYTEST)
test-policy:     ## Test the role on EKS against an S3 that enforces IAM
	@LAB_ENGINE=local $(LAB_DEV) install worker airflow && $(BIN)/python -m pytest tests/policy $(PYTEST)
test-integration: ## Test real labs on the local engine, each in its own checkout
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/integration --numprocesses 2 --dist loadscope --no-loadscope-reorder $(PYTEST)
test-browser:    ## Test the report and hostile pages in Chromium (.ci/browser installs it)
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/browser $(PYTEST)
test-containers: ## Test Gitea, LocalStack and the worker's image (needs Docker Compose)
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/containers $(PYTEST)
test-e2e:        ## Test the lab on a real kind cluster (needs Docker)
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/e2e $(PYTEST)
test-kind: test-render test-containers test-e2e  ## Run everything that needs a container engine
test-thorough:   ## Run larger tests, up to an hour (CONTRIBUTING.md lists them)
	@$(MAKE) --no-print-directory test-writers HYPOTHESIS_WRITERS=thorough
	@$(LAB_DEV) --help > /dev/null && $(BIN)/python -m pytest tests/e2e -m thorough $(PYTEST)
lint:            ## Run ruff, mypy, import-linter, and the check of words
	@$(LAB_DEV) --help > /dev/null && $(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && \
	$(BIN)/lint-imports --no-logo --cache-dir .lab/cache/import-linter && $(BIN)/python -m tests.lint.words
lint-fix:        ## Let ruff fix what it can
	@$(LAB_DEV) --help > /dev/null && $(BIN)/ruff check --fix . && $(BIN)/ruff format .
drill:           ## Run the pipeline under faults, then check every promise (ROUNDS=60, SEED=1, FIRST=1, AT_ONCE=1, KEEP=1, PLAN=1, RESTORE=1, JSON=1)
	@$(LAB) drill $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) $(if $(FIRST),--first $(FIRST)) $(if $(AT_ONCE),--at-once $(AT_ONCE)) \
	$(if $(KEEP),--keep) $(if $(PLAN),--plan) $(if $(RESTORE),--restore) $(if $(JSON),--json)
bench:           ## Measure, print and store a table of times and memory (SCENARIOS="warm kind-up")
	@$(LAB_DEV) bench $(SCENARIOS)
audit:           ## Check all locked Python packages for known vulnerabilities (JSON=1)
	@$(LAB) audit $(if $(JSON),--json)
lock:            ## Write the locks again from pyproject.toml and lab/pins.toml
	@$(LAB_DEV) lock
notice:          ## Write NOTICE, the licences of what bundles and images contain
	@$(LAB_DEV) notice
clean: lab-down  ## Stop the lab and remove .lab/ completely
	@rm -rf .lab

# PLAIN: no variables, and no targets of the section Development.
HELP = awk -v plain='$(PLAIN)' 'BEGIN {FS = ":[^\#]*\#\# "} /^\#\#@ / {left_out = plain && /Development/} \
	/^\#\#@ / && !left_out {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:[^\#]*\#\# / && !left_out { \
	variables = match($$2, / \([A-Z_]+=.*\)$$/) ? substr($$2, RSTART + 2, RLENGTH - 3) : ""; \
	printf "  %-17s %s\n", $$1, variables ? substr($$2, 1, RSTART - 1) : $$2; \
	if (variables && !plain) printf "  %-17s     %s\n", "", variables}' $(firstword $(MAKEFILE_LIST))
help: PLAIN := 1
help:            ## List the targets
	@$(HELP); printf '\n%s\n' 'make help-all lists the variables of each target, and the targets for development.'
help-all:        ## List all targets, each with its variables
	@$(HELP)
