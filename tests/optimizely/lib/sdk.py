"""The released Optimizely SDK for Python, asked the way an application asks it."""

import copy
import json
import os
import sys
from pathlib import Path

import casts
import noted
import semver
from database import Problem

VERSION = "5.7.0"
VARIABLE = "LOTTY_OPTIMIZELY_SDK"
UNDESCRIBED = "audienceConditions: a list of nothing but a list"
INSTALL = ("pip install --require-hashes --only-binary :all: --target DIR "
           "-r tests/optimizely/requirements.txt")


def use(folder):
    """Imports the SDK from a folder that pip installed it into."""
    folder = folder or os.environ.get(VARIABLE)
    if folder:
        sys.path.insert(0, str(Path(folder).resolve()))
    try:
        from optimizely import version
    except ImportError as error:
        raise Problem(f"the Optimizely SDK cannot be imported ({error}).\n"
                      f"Install it with `{INSTALL}`,\n"
                      f"and name DIR with --sdk or {VARIABLE}.") from error
    if version.__version__ != VERSION:
        raise Problem(f"this is version {version.__version__} of the Optimizely SDK, not {VERSION}")
    from optimizely.helpers.condition import CustomAttributeConditionEvaluator
    from optimizely.project_config import ProjectConfig
    semver.install(CustomAttributeConditionEvaluator)
    casts.install(ProjectConfig)


class Profiles:
    """A user profile service in memory."""

    def __init__(self):
        self.stored = {}

    def lookup(self, user_id):
        return copy.deepcopy(self.stored.get(user_id))

    def save(self, user_profile):
        self.stored[user_profile["user_id"]] = copy.deepcopy(user_profile)


class Dispatcher:
    """Sends nothing."""

    @staticmethod
    def dispatch_event(event):
        pass


class Undescribed:
    """In place of the SDK's description of its configuration."""

    def __init__(self, *_):
        pass

    def get_config(self):
        return None


class Client:
    """A project through the life of its datafile: each revision is a new client of the SDK,
    which takes over the forced variations, and the user profiles if it is to have them."""

    def __init__(self):
        self.stored = Profiles()
        self.profiles = None
        self.sdk = None
        self.decided = {}

    def load(self, datafile, with_profiles):
        """Takes a datafile; answers a note if the SDK can only decide by it."""
        before, note = self.sdk, None
        self.profiles = self.stored if with_profiles else None
        try:
            self.sdk = self.make(datafile)
        except TypeError:
            # The description of the configuration, which no decision needs.
            from optimizely import config_manager
            service = config_manager.OptimizelyConfigService
            config_manager.OptimizelyConfigService = Undescribed
            try:
                self.sdk = self.make(datafile)
            finally:
                config_manager.OptimizelyConfigService = service
            note = UNDESCRIBED
        if not self.sdk.config_manager.get_config():
            raise Problem("the SDK refuses the datafile")
        service = self.sdk.decision_service
        if before:
            service.forced_variation_map = before.decision_service.forced_variation_map
        self.listen_to(service)
        return note

    def make(self, datafile):
        from optimizely.event.event_processor import ForwardingEventProcessor
        from optimizely.helpers.sdk_settings import OptimizelySdkSettings
        from optimizely.optimizely import Optimizely
        return Optimizely(
            datafile=datafile, skip_json_validation=True, user_profile_service=self.profiles,
            event_processor=ForwardingEventProcessor(Dispatcher()),
            settings=OptimizelySdkSettings(odp_disabled=True))

    def listen_to(self, service):
        """The source of a decision is not part of what the SDK returns."""
        ask = service.get_variations_for_feature_list

        def heard(project_config, features, user_context, options=None):
            results = ask(project_config, features, user_context, options)
            self.decided = {feature.key: result["decision"]
                            for feature, result in zip(features, results)}
            return results

        service.get_variations_for_feature_list = heard

    def decide(self, flags, user_id, attributes, ignore_profiles=False):
        """Decides the flags at once; (answer, note) for each. `attributes` is a JSON text."""
        given = json.loads(attributes)
        segments = given.pop("$opt_segments", None)
        context = self.sdk.create_user_context(user_id, given)
        if segments is not None:
            context.set_qualified_segments(segments)
        options = ["DISABLE_DECISION_EVENT"]
        if ignore_profiles:
            options.append("IGNORE_USER_PROFILE_SERVICE")
        if self.profiles and not ignore_profiles:
            # They share one reading and one saving of the profile, and their notes.
            noted.reasons.clear()
            decisions = context.decide_for_keys(flags, options)
            sources = dict(self.decided)
            note = noted.take()
            return [(self.answer(decisions[flag], sources.get(flag)), note) for flag in flags]
        answers = []
        for flag in flags:
            noted.reasons.clear()
            self.decided = {}
            decision = context.decide(flag, options)
            answers.append((self.answer(decision, self.decided.get(flag)), noted.take()))
        return answers

    def knows(self, flag):
        return flag in self.sdk.config_manager.get_config().feature_key_map

    @staticmethod
    def answer(decision, decided):
        return {
            "flag": decision.flag_key, "variation": decision.variation_key,
            "enabled": decision.enabled, "rule": decision.rule_key,
            "source": decided.source if decided and decision.variation_key is not None else None,
            "variables": decision.variables or {},
        }

    def get_variation(self, experiment, user_id, attributes):
        noted.reasons.clear()
        variation = self.sdk.get_variation(experiment, user_id, json.loads(attributes))
        return variation, noted.take()

    def force(self, experiment, user_id, variation):
        return self.sdk.set_forced_variation(experiment, user_id, variation)

    def forced(self, experiment, user_id):
        return self.sdk.get_forced_variation(experiment, user_id)

    def set_profile(self, profile):
        self.stored.save(profile)

    def profile(self, user_id):
        return self.stored.lookup(user_id)

