"""The reference: FastAPI, SQLAlchemy (async) and asyncpg, as their tutorials do it.

One session a request; for a telemetry event one transaction: contact updated, event inserted, commit, answer. It
checks no token, derives no status, knows no duplicates and has no partitions: what it leaves out is in its favour. REFERENCE_DATABASE_URL names its database.
"""

import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, Field
from sqlalchemy import DateTime, ForeignKey, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(os.environ["REFERENCE_DATABASE_URL"], pool_size=16, max_overflow=0)
new_session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    pass


class Camera(Base):
    __tablename__ = "cameras"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    connection_string: Mapped[str]
    desired_state: Mapped[str]
    last_contact: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class Observation(Base):
    __tablename__ = "telemetry"

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[UUID] = mapped_column(ForeignKey("cameras.id"), index=True)
    timestamp: Mapped[datetime] = mapped_column(DateTime(timezone=True), index=True)
    occupancy: Mapped[int]
    confidence: Mapped[float]


class Event(BaseModel):
    timestamp: datetime
    occupancy: int = Field(ge=0)
    confidence: float = Field(ge=0, le=1)


async def session() -> AsyncIterator[AsyncSession]:
    async with new_session() as opened:
        yield opened


@app.get("/livez")
async def livez() -> dict[str, str]:
    return {"status": "ok"}


def shown(camera: Camera) -> dict[str, Any]:
    return {
        "id": camera.id,
        "name": camera.name,
        "status": "healthy",
        "desired_state": camera.desired_state,
        "last_contact": camera.last_contact,
    }


@app.get("/cameras")
async def cameras(db: Annotated[AsyncSession, Depends(session)]) -> list[dict[str, Any]]:
    return [shown(camera) for camera in await db.scalars(select(Camera).order_by(Camera.name))]


@app.get("/cameras/{camera_id}")
async def camera(camera_id: UUID, db: Annotated[AsyncSession, Depends(session)]) -> dict[str, Any]:
    found = await db.get(Camera, camera_id)
    if found is None:
        raise HTTPException(404, "There is no such camera.")
    return {**shown(found), "connection_string": found.connection_string}


@app.post("/telemetry/{camera_id}", status_code=201)
async def report(camera_id: UUID, event: Event, db: Annotated[AsyncSession, Depends(session)]) -> dict[str, int]:
    heard = await db.execute(update(Camera).where(Camera.id == camera_id).values(last_contact=func.now()))
    if not heard.rowcount:
        raise HTTPException(404, "There is no such camera.")
    await db.execute(insert(Observation).values(camera_id=camera_id, **event.model_dump()))
    await db.commit()
    return {"accepted": 1}
