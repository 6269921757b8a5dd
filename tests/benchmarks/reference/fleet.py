"""Make the reference's tables and its cameras, whose ids come on standard input as a JSON array."""

import asyncio
import json
import sys
from uuid import UUID

from app import Base, Camera, engine
from sqlalchemy import insert


async def main(ids: list[str]) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        rows = [
            {
                "id": UUID(text),
                "name": f"Camera {number}",
                "connection_string": "rtsp://viewer:***@10.0.0.20:554/stream1",
                "desired_state": "running",
            }
            for number, text in enumerate(ids)
        ]
        await connection.execute(insert(Camera), rows)
    await engine.dispose()


asyncio.run(main(json.load(sys.stdin)))
