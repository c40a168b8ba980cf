"""A talk with Home Assistant's own OpenAI integration, in a Home Assistant that has nothing else.

The address is none of its settings: the library reads it from `OPENAI_BASE_URL`. What is said is forgotten
with the process.
"""

import asyncio
import os
from types import MappingProxyType

from homeassistant import bootstrap, loader
from homeassistant.auth import auth_manager_from_config
from homeassistant.components.conversation import async_converse
from homeassistant.config_entries import ConfigEntries, ConfigEntry
from homeassistant.core import Context, CoreState, HomeAssistant
from homeassistant.setup import async_setup_component
from tools import QUESTIONS, STATE, URL

OPTIONS = {"recommended": False, "chat_model": "scripted", "llm_hass_api": "assist"}


async def main() -> None:
    STATE.mkdir(parents=True, exist_ok=True)
    home = HomeAssistant(str(STATE))
    home.config.skip_pip = True
    loader.async_setup(home)
    home.config_entries = ConfigEntries(home, {})
    await bootstrap.async_load_base_functionality(home)
    home.auth = await auth_manager_from_config(home, [], [])
    for name in ("homeassistant", "conversation"):
        assert await async_setup_component(home, name, {})
    home.set_state(CoreState.running)
    entry = ConfigEntry(
        domain="openai_conversation",
        data={"api_key": "dummy"},
        options=OPTIONS,
        title="Model",
        version=1,
        minor_version=1,
        source="user",
        unique_id=None,
        discovery_keys=MappingProxyType({}),
        subentries_data=None,
    )
    await home.config_entries.async_add(entry)
    await home.async_block_till_done()
    talk = None
    for question in QUESTIONS:
        said = await async_converse(home, question, talk, Context(), agent_id=entry.entry_id)
        talk = said.conversation_id
        print(said.response.speech["plain"]["speech"])
        await asyncio.sleep(1)  # its clock says seconds
    await home.async_stop(force=True)


os.environ["OPENAI_BASE_URL"] = URL
asyncio.run(main())
